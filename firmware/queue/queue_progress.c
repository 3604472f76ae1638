/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The progress file: text, so that a technician can read it, with a checksum, so
 * that half a file is never believed. One line per epoch, oldest first:
 *
 *     gangway-progress 1
 *     <epoch> acked <4 numbers> sent <4 numbers> heads <4 numbers>
 *     crc32c <8 hexadecimal digits over all before this line>
 *
 * Numbers stand in the order of enum gw_flow_class.
 */
#include "firmware/base/file.h"
#include "firmware/queue/queue_internal.h"

#define FILE_MAX_BYTES 8192
#define HEAD_LINE "gangway-progress 1"

static void put_numbers(struct gw_buf *buf, struct gw_str word,
                        const uint64_t numbers[GW_CLASS_COUNT]) {
    gw_buf_put_char(buf, ' ');
    gw_buf_put_str(buf, word);
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        gw_buf_put_char(buf, ' ');
        gw_buf_put_u64(buf, numbers[i]);
    }
}

static void put_epoch(struct gw_buf *buf, const struct gw_queue_progress *progress) {
    char epoch[GW_EPOCH_TEXT_LEN + 1];
    gw_epoch_format(progress->epoch, epoch);
    gw_buf_put_str(buf, gw_str_from_cstr(epoch));
    put_numbers(buf, GW_STR("acked"), progress->acked);
    put_numbers(buf, GW_STR("sent"), progress->sent);
    put_numbers(buf, GW_STR("heads"), progress->heads);
    gw_buf_put_char(buf, '\n');
}

enum gw_err gw_queue_progress_write(const char *path, const struct gw_queue_progress *progress,
                                    size_t count) {
    uint8_t storage[FILE_MAX_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    if (count > GW_QUEUE_MAX_EPOCHS) {
        return GW_ERR_INVALID;
    }
    gw_buf_put_str(&buf, GW_STR(HEAD_LINE "\n"));
    for (size_t i = 0; i < count; i++) {
        put_epoch(&buf, &progress[i]);
    }
    gw_file_put_checksum(&buf);
    if (gw_buf_failed(&buf)) {
        return GW_ERR_FULL;
    }
    return gw_file_replace(path, gw_buf_bytes(&buf), 0640);
}

/* ---- reading ---- */

static bool next_word(struct gw_str *line, struct gw_str *ret_word) {
    return gw_str_split(line, ' ', ret_word);
}

static bool read_numbers(struct gw_str *line, struct gw_str word,
                         uint64_t ret_numbers[GW_CLASS_COUNT]) {
    struct gw_str part;
    if (!next_word(line, &part) || !gw_str_eq(part, word)) {
        return false;
    }
    for (int i = 0; i < GW_CLASS_COUNT; i++) {
        if (!next_word(line, &part) || gw_str_to_u64(part, GW_SEQUENCE_MAX, &ret_numbers[i])) {
            return false;
        }
    }
    return true;
}

static bool read_epoch(struct gw_str line, struct gw_queue_progress *ret_progress) {
    struct gw_str part;
    return next_word(&line, &part) && !gw_epoch_parse(part, &ret_progress->epoch)
           && read_numbers(&line, GW_STR("acked"), ret_progress->acked)
           && read_numbers(&line, GW_STR("sent"), ret_progress->sent)
           && read_numbers(&line, GW_STR("heads"), ret_progress->heads) && line.len == 0;
}

enum gw_err gw_queue_progress_read(const char *path,
                                   struct gw_queue_progress ret_progress[GW_QUEUE_MAX_EPOCHS],
                                   size_t *ret_count) {
    uint8_t storage[FILE_MAX_BYTES];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof(storage));
    enum gw_err err = gw_file_read(path, &buf);
    if (err) {
        return err == GW_ERR_FULL ? GW_ERR_PARSE : err;
    }
    struct gw_str body, line;
    if (gw_file_check_checksum(gw_buf_str(&buf), &body) || !gw_str_split(&body, '\n', &line)
        || !gw_str_eq(line, GW_STR(HEAD_LINE))) {
        return GW_ERR_PARSE;
    }
    struct gw_queue_progress list[GW_QUEUE_MAX_EPOCHS];
    size_t count = 0;
    while (gw_str_split(&body, '\n', &line) && line.len > 0) {
        if (count == GW_QUEUE_MAX_EPOCHS || !read_epoch(line, &list[count])) {
            return GW_ERR_PARSE;
        }
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        ret_progress[i] = list[i];
    }
    *ret_count = count;
    return GW_OK;
}
