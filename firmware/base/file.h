/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that survive a power cut: written aside, flushed, renamed. */
#ifndef GW_BASE_FILE_H
#define GW_BASE_FILE_H

#include <sys/types.h>

#include "firmware/base/buf.h"

/* Replace `path` by `content`: temporary file beside it, fsync, rename, fsync
 * of the folder. The temporary name is "<path>.new": one writer per path. `mode`
 * holds whatever the umask. On an error before the rename the old file stands
 * untouched; IO from the last step (the folder's fsync) means that the new
 * content stands but may not survive a power cut. FULL, DENIED, NOENT, RANGE, IO. */
enum gw_err gw_file_replace(const char *path, struct gw_bytes content, mode_t mode);
/* The same without the two fsyncs, for /run (lost with power anyway). */
enum gw_err gw_file_replace_volatile(const char *path, struct gw_bytes content, mode_t mode);
/* Append the whole file to `buf`. NOENT, DENIED, IO; FULL if it is larger than
 * the space left (buf unchanged). */
enum gw_err gw_file_read(const char *path, struct gw_buf *buf);
/* Small text files that are checked when read: a last line "crc32c <8 digits>\n"
 * over everything before it. Append it to the complete text. */
bool gw_file_put_checksum(struct gw_buf *buf);
/* The text before that line, a view into `text`. CORRUPT if the line is missing or
 * not right. */
enum gw_err gw_file_check_checksum(struct gw_str text, struct gw_str *ret_body);
/* mkdir -p with exactly `mode` for what is missing; what exists keeps its own.
 * DUPLICATE if something else than a folder stands there; DENIED, FULL, IO. */
enum gw_err gw_file_make_folder(const char *path, mode_t mode);

/* Path of what is installed with the programs. */
struct gw_installed {
    char path[512];
};
/* "<folder of the running program>/../share/gangway/<name>": so `cmake --install` lays it
 * under every prefix, and so it lies in a build folder. What does not fit, or cannot be
 * known (no /proc), is "/usr/share/gangway/<name>". Nobody has looked whether it exists. */
struct gw_installed gw_file_installed(const char *name);

#endif
