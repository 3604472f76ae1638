/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values of the link store as damaged flash may give them back. What is
 * accepted must encode to the same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cloud-link/uplink/letter_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void check_key(struct gw_bytes bytes) {
    struct gw_letter_key key;
    uint8_t again[GW_LETTER_KEY_MAX];
    if (gw_letter_key_decode(bytes, &key) == GW_OK) {
        struct gw_bytes encoded = gw_letter_key_encode(&key, again);
        require(encoded.len == bytes.len && memcmp(again, bytes.ptr, bytes.len) == 0);
    }
}

static void check_value(struct gw_bytes bytes) {
    static uint8_t again[GW_LETTER_VALUE_MAX];
    struct gw_letter letter, second;
    if (gw_letter_decode(bytes, &letter) != GW_OK) {
        return;
    }
    size_t len = gw_letter_encode(&letter, again);
    require(gw_letter_decode((struct gw_bytes){again, len}, &second) == GW_OK);
    require(second.verdict == letter.verdict && second.time_wall_ms == letter.time_wall_ms
            && second.is_tombstone == letter.is_tombstone);
}

static void check_text(struct gw_str text) {
    struct gw_letter_key key;
    uint8_t storage[GW_LETTER_KEY_MAX];
    if (gw_letter_key_parse_text(text, storage, &key) == GW_OK) {
        require(key.class < GW_CLASS_COUNT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_key((struct gw_bytes){data, size});
    check_value((struct gw_bytes){data, size});
    check_text((struct gw_str){(const char *) data, size});
    return 0;
}
