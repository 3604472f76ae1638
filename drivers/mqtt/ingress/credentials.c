/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/ingress/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/base/cleanup.h"
#include "firmware/base/file.h"
#include "firmware/base/random.h"
#include "firmware/crypto/crypto.h"
#include "firmware/event/event.h"

#define HEAD_LINE "gangway-credentials 1"
#define DEVICES_MAX 4096
#define LINE_MAX_BYTES (GW_EVENT_NAME_MAX_BYTES + 2 * (2 * GW_SHA256_BYTES + 1) + 1)
#define FILE_MAX_BYTES ((DEVICES_MAX + 2) * LINE_MAX_BYTES)

struct row {
    char device[GW_EVENT_NAME_MAX_BYTES + 1];
    uint8_t digest[GW_SHA256_BYTES];
    uint8_t next[GW_SHA256_BYTES];
    bool has_next;
};

struct credentials {
    const char *path;
    struct row *rows;
    size_t count, cap;
};

void credentials_close(struct credentials *credentials) {
    if (!credentials) {
        return;
    }
    if (credentials->rows) {
        explicit_bzero(credentials->rows, credentials->cap * sizeof(struct row));
        free(credentials->rows);
    }
    free(credentials);
}

GW_DEFINE_CLEANUP(struct credentials *, credentials_close, credentials_closep)

static struct row *find_row(struct credentials *credentials, struct gw_str device) {
    for (size_t i = 0; i < credentials->count; i++) {
        if (gw_str_eq(gw_str_from_cstr(credentials->rows[i].device), device)) {
            return &credentials->rows[i];
        }
    }
    return NULL;
}

static enum gw_err add_row(struct credentials *credentials, struct gw_str device,
                           struct row **ret_row) {
    if (credentials->count == DEVICES_MAX) {
        return GW_ERR_FULL;
    }
    if (credentials->count == credentials->cap) {
        size_t cap = credentials->cap ? 2 * credentials->cap : 64;
        struct row *rows = calloc(cap, sizeof(*rows));
        if (!rows) {
            return GW_ERR_NOMEM;
        }
        if (credentials->count > 0) {
            memcpy(rows, credentials->rows, credentials->count * sizeof(*rows));
            explicit_bzero(credentials->rows, credentials->cap * sizeof(*rows));
        }
        free(credentials->rows);
        credentials->rows = rows;
        credentials->cap = cap;
    }
    struct row *row = &credentials->rows[credentials->count];
    *row = (struct row){0};
    enum gw_err err = gw_str_copy(device, row->device, sizeof(row->device));
    if (err || device.len == 0) {
        return GW_ERR_RANGE;
    }
    credentials->count++;
    *ret_row = row;
    return GW_OK;
}

/* ---- the file ---- */

static void put_digest(struct gw_buf *buf, const uint8_t digest[static GW_SHA256_BYTES]) {
    char hex[2 * GW_SHA256_BYTES + 1];
    gw_hex_format((struct gw_bytes){digest, GW_SHA256_BYTES}, hex);
    gw_buf_put_char(buf, ' ');
    gw_buf_put_str(buf, gw_str_from_cstr(hex));
}

static enum gw_err save(const struct credentials *credentials) {
    struct gw_buf buf;
    enum gw_err err = gw_buf_open(&buf, (credentials->count + 2) * LINE_MAX_BYTES);
    if (err) {
        return err;
    }
    gw_buf_put_str(&buf, GW_STR(HEAD_LINE "\n"));
    for (size_t i = 0; i < credentials->count; i++) {
        const struct row *row = &credentials->rows[i];
        gw_buf_put_str(&buf, gw_str_from_cstr(row->device));
        put_digest(&buf, row->digest);
        if (row->has_next) {
            put_digest(&buf, row->next);
        }
        gw_buf_put_char(&buf, '\n');
    }
    gw_file_put_checksum(&buf);
    err = gw_buf_failed(&buf) ? GW_ERR_FULL
                              : gw_file_replace(credentials->path, gw_buf_bytes(&buf), 0600);
    gw_buf_close(&buf);
    return err;
}

static enum gw_err read_line(struct credentials *credentials, struct gw_str line) {
    struct gw_str device, digest;
    struct row *row;
    if (!gw_str_split(&line, ' ', &device) || !gw_str_split(&line, ' ', &digest)
        || find_row(credentials, device) || add_row(credentials, device, &row)
        || gw_hex_parse(digest, row->digest, sizeof(row->digest))) {
        return GW_ERR_CORRUPT;
    }
    row->has_next = line.len > 0;
    if (row->has_next && gw_hex_parse(line, row->next, sizeof(row->next))) {
        return GW_ERR_CORRUPT;
    }
    return GW_OK;
}

static enum gw_err read_body(struct credentials *credentials, struct gw_str text) {
    struct gw_str body, line;
    if (gw_file_check_checksum(text, &body) || !gw_str_split(&body, '\n', &line)
        || !gw_str_eq(line, GW_STR(HEAD_LINE))) {
        return GW_ERR_CORRUPT;
    }
    while (gw_str_split(&body, '\n', &line) && line.len > 0) {
        enum gw_err err = read_line(credentials, line);
        if (err) {
            return err;
        }
    }
    return GW_OK;
}

static enum gw_err load(struct credentials *credentials) {
    struct gw_buf buf;
    enum gw_err err = gw_buf_open(&buf, FILE_MAX_BYTES);
    if (err) {
        return err;
    }
    err = gw_file_read(credentials->path, &buf);
    if (!err) {
        err = read_body(credentials, gw_buf_str(&buf));
    }
    explicit_bzero(buf.data, buf.cap);
    gw_buf_close(&buf);
    return err == GW_ERR_NOENT ? GW_OK : err == GW_ERR_FULL ? GW_ERR_CORRUPT : err;
}

enum gw_err credentials_open(const char *path, struct credentials **ret_credentials) {
    GW_CLEANUP(credentials_closep)
    struct credentials *credentials = calloc(1, sizeof(*credentials));
    if (!credentials) {
        return GW_ERR_NOMEM;
    }
    credentials->path = path;
    enum gw_err err = load(credentials);
    if (err) {
        return err;
    }
    *ret_credentials = GW_TAKE(credentials);
    return GW_OK;
}

/* ---- changes; a failed save leaves things as they were ---- */

static void draw(char ret_secret[static CREDENTIALS_SECRET_LEN + 1],
                 uint8_t ret_digest[static GW_SHA256_BYTES]) {
    uint8_t random[CREDENTIALS_SECRET_LEN / 2];
    gw_random_bytes(random, sizeof(random));
    gw_hex_format((struct gw_bytes){random, sizeof(random)}, ret_secret);
    explicit_bzero(random, sizeof(random));
    gw_sha256_of(gw_bytes_from_str(gw_str_from_cstr(ret_secret)), ret_digest);
}

enum gw_err credentials_add(struct credentials *credentials, struct gw_str device,
                            char ret_secret[static CREDENTIALS_SECRET_LEN + 1]) {
    if (find_row(credentials, device)) {
        return GW_ERR_DUPLICATE;
    }
    struct row *row;
    enum gw_err err = add_row(credentials, device, &row);
    if (err) {
        return err;
    }
    draw(ret_secret, row->digest);
    err = save(credentials);
    if (err) {
        credentials->count--;
    }
    return err;
}

enum gw_err credentials_rotate(struct credentials *credentials, struct gw_str device,
                               char ret_secret[static CREDENTIALS_SECRET_LEN + 1]) {
    struct row *row = find_row(credentials, device);
    if (!row) {
        return GW_ERR_NOENT;
    }
    struct row before = *row;
    draw(ret_secret, row->next);
    row->has_next = true;
    enum gw_err err = save(credentials);
    if (err) {
        *row = before;
    }
    return err;
}

enum gw_err credentials_revoke(struct credentials *credentials, struct gw_str device) {
    struct row *row = find_row(credentials, device);
    if (!row) {
        return GW_ERR_NOENT;
    }
    struct row gone = *row;
    *row = credentials->rows[--credentials->count];
    enum gw_err err = save(credentials);
    if (err) {
        credentials->rows[credentials->count++] = *row;
        *row = gone;
    }
    return err;
}

/* ---- checking ---- */

static bool same_digest(const uint8_t *a, const uint8_t *b) {
    uint8_t different = 0;
    for (size_t i = 0; i < GW_SHA256_BYTES; i++) {
        different |= a[i] ^ b[i];
    }
    return different == 0;
}

enum gw_err credentials_check(struct credentials *credentials, struct gw_str device,
                              struct gw_bytes secret) {
    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256_of(secret, digest);
    struct row *row = find_row(credentials, device);
    if (!row) {
        return GW_ERR_DENIED;
    }
    if (same_digest(digest, row->digest)) {
        return GW_OK;
    }
    if (!row->has_next || !same_digest(digest, row->next)) {
        return GW_ERR_DENIED;
    }
    struct row before = *row;
    memcpy(row->digest, row->next, sizeof(row->digest));
    row->has_next = false;
    if (save(credentials)) {
        *row = before;
    }
    return GW_OK;
}
