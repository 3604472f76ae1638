/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's text as it may have been meant: escapes resolved, damage marked.
 *
 *   escapes     of JSON (\uXXXX, \/, \", \n, ...) and of raw texts that are no UTF-8
 *               (\xNN, see drivers/profile); any number of backslashes before one, also
 *               backslashes that are escaped themselves: JSON in JSON in JSON. What
 *               begins no escape stands for itself.
 *   damage      NUL, a byte that is no UTF-8, U+FFFD, half of a surrogate pair, a control
 *               character that is no separator: GW_PATTERN_DAMAGE each
 *   separators  EOT, FS, GS, RS, US, which GS1 and ISO/IEC 15434 use, TAB, LF, CR, and
 *               the escapes \b and \f: GW_PATTERN_SEPARATOR each
 *
 * Pure, no heap.
 */
#ifndef GW_PERSONAL_READING_H
#define GW_PERSONAL_READING_H

#include "firmware/base/buf.h"

struct gw_reading {
    struct gw_str text;  /* as given */
    struct gw_str meant; /* see above; for firmware/personal/pattern.h */
    bool is_changed;     /* they differ, or the text holds bytes that are marks */
    bool is_damaged;     /* meant holds GW_PATTERN_DAMAGE */
};

/* Read `text`, appending what was meant to `storage`, where it stays: never more bytes
 * than the text has. FULL: storage is as before. */
enum gw_err gw_reading_make(struct gw_str text, struct gw_buf *storage,
                            struct gw_reading *ret_reading);

#endif
