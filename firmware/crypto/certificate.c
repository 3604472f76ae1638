/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/clock.h"
#include "firmware/base/file.h"
#include "firmware/crypto/crypto.h"
#include "firmware/crypto/mbedtls_compat.h"

/* A client certificate is 1 to 3 kB; a file of this size is something else. */
#define CERTIFICATE_FILE_MAX_BYTES (64U << 10)
#define PEM_END "-----END CERTIFICATE-----"

/* The mbedTLS parser takes PEM with its NUL and would read the whole chain:
 * the text is cut behind the first certificate, so that a broken issuer further
 * down does not hide the facts of the leaf. */
static struct gw_bytes first_certificate(struct gw_buf *file) {
    uint8_t *end = memmem(file->data, file->len, PEM_END, sizeof(PEM_END) - 1);
    if (!end) {
        return gw_buf_bytes(file);
    }
    gw_buf_rewind(file, (size_t) (end - file->data) + sizeof(PEM_END) - 1);
    gw_buf_put_char(file, '\n');
    gw_buf_put_char(file, 0);
    return gw_buf_bytes(file);
}

static enum gw_err copy_common_name(const mbedtls_x509_crt *crt, char *dst, size_t dst_size) {
    for (const mbedtls_x509_name *name = &crt->subject; name; name = name->next) {
        if (name->oid.p && MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0) {
            struct gw_str cn = {(const char *) name->val.p, name->val.len};
            return gw_str_is_utf8(cn) && gw_str_copy(cn, dst, dst_size) == GW_OK ? GW_OK
                                                                                 : GW_ERR_PARSE;
        }
    }
    dst[0] = 0;
    return GW_OK;
}

static enum gw_err to_wall_ms(const mbedtls_x509_time *time, int64_t *ret_wall_ms) {
    uint8_t storage[64];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof(storage));
    gw_buf_printf(&text, "%04d-%02d-%02dT%02d:%02d:%02dZ", time->year, time->mon, time->day,
                  time->hour, time->min, time->sec);
    return gw_time_parse(gw_buf_str(&text), ret_wall_ms) == GW_OK ? GW_OK : GW_ERR_PARSE;
}

static enum gw_err collect_facts(const mbedtls_x509_crt *crt,
                                 struct gw_certificate_facts *ret_facts) {
    struct gw_certificate_facts facts = {0};
    enum gw_err err = to_wall_ms(&crt->valid_from, &facts.not_before_wall_ms);
    if (err) {
        return err;
    }
    err = to_wall_ms(&crt->valid_to, &facts.not_after_wall_ms);
    if (err) {
        return err;
    }
    err = copy_common_name(crt, facts.subject_cn, sizeof(facts.subject_cn));
    if (err) {
        return err;
    }
    *ret_facts = facts;
    return GW_OK;
}

enum gw_err gw_certificate_read(const char *path, struct gw_certificate_facts *ret_facts) {
    GW_CLEANUP(gw_buf_close) struct gw_buf file = {0};
    enum gw_err err = gw_buf_open(&file, CERTIFICATE_FILE_MAX_BYTES + 2);
    if (err) {
        return err;
    }
    err = gw_file_read(path, &file);
    if (err) {
        return err == GW_ERR_FULL ? GW_ERR_PARSE : err;
    }
    struct gw_bytes first = first_certificate(&file);
    GW_CLEANUP(mbedtls_x509_crt_free) mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    if (gw_buf_failed(&file) || mbedtls_x509_crt_parse(&crt, first.ptr, first.len) != 0) {
        return GW_ERR_PARSE;
    }
    return collect_facts(&crt, ret_facts);
}
