/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration document: whatever it is, it is taken or refused with at least
 * one whole line that says why; one that is taken equals itself. */
#include <stdint.h>
#include <stdlib.h>

#include "firmware/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t storage[65536];
    struct gw_buf errors;
    gw_buf_init(&errors, storage, sizeof storage);
    struct gw_config *config = NULL;
    enum gw_err err =
        gw_config_parse((struct gw_str){(const char *) data, size}, &errors, &config);
    bool is_explained = errors.len > 0 && storage[errors.len - 1] == '\n';
    if (err ? config || !is_explained : errors.len > 0 || gw_config_diff(config, config) != 0) {
        abort();
    }
    if (!err) {
        gw_config_close(config);
    }
    return 0;
}
