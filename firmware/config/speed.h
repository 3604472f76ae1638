/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speeds of serial lines: one list for the keys that name one (feeds[].baud,
 * buses[].baud, serial.baud of a profile) and for those who set a line. They are the
 * ones for which termios has a constant; what is good here can be opened.
 */
#ifndef GW_CONFIG_SPEED_H
#define GW_CONFIG_SPEED_H

#include <stdbool.h>
#include <stdint.h>

/* EACH(bits a second) for all but the greatest, LAST for that. */
#define GW_CONFIG_SPEEDS(EACH, LAST)                                                           \
    EACH(300)                                                                                  \
    EACH(600)                                                                                  \
    EACH(1200)                                                                                 \
    EACH(2400)                                                                                 \
    EACH(4800)                                                                                 \
    EACH(9600)                                                                                 \
    EACH(19200)                                                                                \
    EACH(38400)                                                                                \
    EACH(57600)                                                                                \
    EACH(115200)                                                                               \
    EACH(230400)                                                                               \
    EACH(460800)                                                                               \
    EACH(500000)                                                                               \
    EACH(576000)                                                                               \
    LAST(921600)

#define GW_CONFIG_SPEED_MIN 300
#define GW_CONFIG_SPEED_MAX 921600

/* "300, 600, ...", the whole list as a string literal. */
#define GW_CONFIG_SPEED_EACH_TEXT(speed) #speed ", "
#define GW_CONFIG_SPEED_LAST_TEXT(speed) #speed
#define GW_CONFIG_SPEEDS_TEXT                                                                  \
    GW_CONFIG_SPEEDS(GW_CONFIG_SPEED_EACH_TEXT, GW_CONFIG_SPEED_LAST_TEXT)

/* Whether it is one of them. */
bool gw_config_is_speed(uint32_t baud);

#endif
