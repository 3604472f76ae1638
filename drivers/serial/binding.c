/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/binding.h"

#include <stdio.h>

#include "drivers/serial/usb.h"
#include "firmware/base/cleanup.h"

enum gw_err gw_binding_init(struct gw_binding *binding,
                            const struct gw_transport_options *options) {
    const struct gw_config_feed *config = options->config;
    const struct {
        char *dst;
        size_t size;
        const char *src;
    } table[] = {
        {binding->sys_root, sizeof binding->sys_root, options->sys_root},
        {binding->dev_root, sizeof binding->dev_root, options->dev_root},
        {binding->fixed_path, sizeof binding->fixed_path, config->path},
        {binding->usb_path, sizeof binding->usb_path, config->usb_path},
        {binding->usb_serial, sizeof binding->usb_serial, config->usb_serial},
        {binding->usb_product, sizeof binding->usb_product, config->usb_product},
        {binding->usb_name, sizeof binding->usb_name, config->usb_name},
    };
    binding->is_keyboard = config->transport == GW_FEED_HID;
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        if (gw_str_copy(gw_str_from_cstr(table[i].src), table[i].dst, table[i].size)) {
            return GW_ERR_INVALID;
        }
    }
    return GW_OK;
}

static void describe(const struct gw_binding *binding,
                     char path[static GW_BINDING_PATH_BYTES]) {
    const struct {
        const char *word, *value;
    } table[] = {{"USB socket ", binding->usb_path},
                 {"serial number ", binding->usb_serial},
                 {"product ", binding->usb_product},
                 {"name ", binding->usb_name}};
    struct gw_buf text;
    gw_buf_init(&text, path, GW_BINDING_PATH_BYTES - 1);
    for (size_t i = 0; i < GW_ARRAY_LEN(table); i++) {
        if (table[i].value[0] != '\0') {
            (void) gw_buf_printf(&text, "%s%s%s", text.len > 0 ? " " : "", table[i].word,
                                 table[i].value);
        }
    }
    path[text.len] = '\0';
}

const char *gw_binding_find(const struct gw_binding *binding,
                            char path[static GW_BINDING_PATH_BYTES],
                            enum gw_transport_trouble *ret_trouble) {
    if (binding->fixed_path[0] != '\0') {
        (void) snprintf(path, GW_BINDING_PATH_BYTES, "%s", binding->fixed_path);
        return NULL;
    }
    const struct gw_usb_match match = {.path = binding->usb_path,
                                       .serial = binding->usb_serial,
                                       .product = binding->usb_product,
                                       .name = binding->usb_name};
    char node[GW_USB_NODE_BYTES];
    enum gw_err err =
        gw_usb_find(binding->sys_root, binding->is_keyboard ? "input" : "tty", &match, node);
    if (err) {
        describe(binding, path);
        bool is_several = err == GW_ERR_DUPLICATE;
        *ret_trouble = is_several ? GW_TRANSPORT_AMBIGUOUS : GW_TRANSPORT_ABSENT;
        return is_several ? "several devices fit" : "not plugged in";
    }
    (void) snprintf(path, GW_BINDING_PATH_BYTES, "%s/%s%s", binding->dev_root,
                    binding->is_keyboard ? "input/" : "", node);
    return NULL;
}
