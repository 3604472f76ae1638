/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on standard error, one write(2) each, with the "<N>" priority
 * prefix journald understands. Form: level, room, a short lower-case sentence,
 * then key=value pairs: "uplink: sink answers again sink=main after_s=61".
 *
 * Library rooms never log above GW_LOG_DEBUG; daemons log once, where the
 * decision is made; a warning says what happens next. Never a secret, never a
 * payload. The level is set once by main before threads start.
 */
#ifndef GW_BASE_LOG_H
#define GW_BASE_LOG_H

enum gw_log_level { GW_LOG_ERROR = 3, GW_LOG_WARNING = 4, GW_LOG_INFO = 6, GW_LOG_DEBUG = 7 };

/* Lines of a higher number than `level` are dropped. Default GW_LOG_INFO. */
void gw_log_set_level(enum gw_log_level level);
/* Write one line (cut at 1,000 bytes; control characters become '?'). */
void gw_log(enum gw_log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define gw_log_error(room, ...) gw_log(GW_LOG_ERROR, room, __VA_ARGS__)
#define gw_log_warning(room, ...) gw_log(GW_LOG_WARNING, room, __VA_ARGS__)
#define gw_log_info(room, ...) gw_log(GW_LOG_INFO, room, __VA_ARGS__)
#define gw_log_debug(room, ...) gw_log(GW_LOG_DEBUG, room, __VA_ARGS__)

#endif
