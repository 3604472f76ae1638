/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/base/crc32c.h"
#include "firmware/base/file.h"

#define WORD "crc32c "
#define LINE_BYTES (sizeof(WORD) - 1 + 8 + 1)

bool gw_file_put_checksum(struct gw_buf *buf) {
    return gw_buf_printf(buf, WORD "%08x\n", gw_crc32c(0, gw_buf_bytes(buf)));
}

enum gw_err gw_file_check_checksum(struct gw_str text, struct gw_str *ret_body) {
    if (text.len < LINE_BYTES || text.ptr[text.len - 1] != '\n') {
        return GW_ERR_CORRUPT;
    }
    struct gw_str body = gw_str_sub(text, 0, text.len - LINE_BYTES);
    struct gw_str line = gw_str_sub(text, body.len, LINE_BYTES - 1);
    uint8_t stored[4];
    if (!gw_str_starts_with(line, GW_STR(WORD))
        || gw_hex_parse(gw_str_sub(line, sizeof(WORD) - 1, 8), stored, sizeof(stored))) {
        return GW_ERR_CORRUPT;
    }
    uint32_t crc = (uint32_t) stored[0] << 24 | (uint32_t) stored[1] << 16
                   | (uint32_t) stored[2] << 8 | stored[3];
    if (crc != gw_crc32c(0, gw_bytes_from_str(body))) {
        return GW_ERR_CORRUPT;
    }
    *ret_body = body;
    return GW_OK;
}
