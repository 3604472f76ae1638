/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/config/speed.h"

#include "firmware/base/cleanup.h"

bool gw_config_is_speed(uint32_t baud) {
#define NUMBER(speed) speed,
    static const uint32_t speeds[] = {GW_CONFIG_SPEEDS(NUMBER, NUMBER)};
#undef NUMBER
    for (size_t i = 0; i < GW_ARRAY_LEN(speeds); i++) {
        if (speeds[i] == baud) {
            return true;
        }
    }
    return false;
}
