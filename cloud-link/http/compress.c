/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud-link/http/compress.h"

#include <stdlib.h>
#include <zstd.h>

#define LEVEL 1

struct gw_compressor {
    ZSTD_CCtx *context;
};

enum gw_err gw_compressor_open(struct gw_compressor **ret_compressor) {
    struct gw_compressor *compressor = calloc(1, sizeof(*compressor));
    if (!compressor) {
        return GW_ERR_NOMEM;
    }
    compressor->context = ZSTD_createCCtx();
    if (!compressor->context) {
        free(compressor);
        return GW_ERR_NOMEM;
    }
    (void) ZSTD_CCtx_setParameter(compressor->context, ZSTD_c_compressionLevel, LEVEL);
    (void) ZSTD_CCtx_setParameter(compressor->context, ZSTD_c_checksumFlag, 1);
    *ret_compressor = compressor;
    return GW_OK;
}

void gw_compressor_close(struct gw_compressor *compressor) {
    if (compressor) {
        (void) ZSTD_freeCCtx(compressor->context);
        free(compressor);
    }
}

size_t gw_compressor_bound(size_t len) {
    return ZSTD_compressBound(len);
}

enum gw_err gw_compressor_put(struct gw_compressor *compressor, struct gw_bytes bytes,
                              struct gw_buf *buf) {
    size_t len = ZSTD_compress2(compressor->context, buf->data + buf->len, gw_buf_space(buf),
                                bytes.ptr, bytes.len);
    if (ZSTD_isError(len)) {
        return GW_ERR_FULL;
    }
    buf->len += len;
    return GW_OK;
}
