/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of one text: pure predicates and their words. Inside the room. */
#ifndef GW_CONFIG_RULE_H
#define GW_CONFIG_RULE_H

#include "firmware/config/descriptor.h"

extern const struct gw_config_rule gw_rule_utf8;
extern const struct gw_config_rule gw_rule_serial;
extern const struct gw_config_rule gw_rule_name;
extern const struct gw_config_rule gw_rule_zone;
extern const struct gw_config_rule gw_rule_host;
extern const struct gw_config_rule gw_rule_address;
extern const struct gw_config_rule gw_rule_folder;
extern const struct gw_config_rule gw_rule_optional_address;
extern const struct gw_config_rule gw_rule_usb_path;
extern const struct gw_config_rule gw_rule_usb_product;
extern const struct gw_config_rule gw_rule_file;
extern const struct gw_config_rule gw_rule_optional_file;
extern const struct gw_config_rule gw_rule_topic_filter;
extern const struct gw_config_rule gw_rule_pointer;
extern const struct gw_config_rule gw_rule_https;
extern const struct gw_config_rule gw_rule_optional_proxy;
extern const struct gw_config_rule gw_rule_optional_pin;
extern const struct gw_config_rule gw_rule_factor;
extern const struct gw_config_rule gw_rule_decimal;
extern const struct gw_config_rule gw_rule_dead_band;
extern const struct gw_config_rule gw_rule_bit_patterns;
extern const struct gw_config_rule gw_rule_optional_decimal;

/* Whether every topic that `inner` matches is matched by `outer` too; both must
 * be valid filters (MQTT 5.0 section 4.7). */
bool gw_config_filter_covers(struct gw_str outer, struct gw_str inner);

#endif
