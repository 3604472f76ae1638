/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error type of the house.
 *
 * Values are named after what the caller should do, not after the place that
 * failed. Vendor codes (errno, MDB_*, MOSQ_*, CURLE_*) are translated to these
 * in the one room that may include the vendor. Whether an error is worth a
 * retry is a table in firmware/policy, never an `if` in a room.
 */
#ifndef GW_BASE_ERR_H
#define GW_BASE_ERR_H

enum [[nodiscard]] gw_err{
    GW_OK = 0,        GW_ERR_RETRY, /* transient: the same call may pass later */
    GW_ERR_TIMEOUT,                 /* the peer did not answer in time */
    GW_ERR_NOCONN,                  /* no connection: reconnect first */
    GW_ERR_FULL,                    /* bounded space is used up: back-pressure */
    GW_ERR_BUSY,                    /* somebody else holds it */
    GW_ERR_INVALID,                 /* the caller broke the contract of the call */
    GW_ERR_PARSE,                   /* bytes are not of the promised grammar */
    GW_ERR_SCHEMA,                  /* grammar is right, the content is not */
    GW_ERR_RANGE,                   /* a number or length is outside its limits */
    GW_ERR_DENIED,                  /* not allowed */
    GW_ERR_DUPLICATE,               /* already there */
    GW_ERR_NOENT,                   /* not there */
    GW_ERR_CORRUPT,                 /* stored bytes fail their checksum or structure */
    GW_ERR_IO,                      /* the device or file system failed */
    GW_ERR_NOMEM,                   /* out of memory */
    GW_ERR_FATAL,                   /* a promise cannot be kept: stop the process */
    GW_ERR_COUNT_                   /* number of values, not an error */
};

/* Name of the value as printed in logs and answers ("full", "corrupt", ...).
 * Static storage; "unknown" for a value outside the enum. Thread-safe. */
const char *gw_err_name(enum gw_err err);

/* Nearest value for an errno. EAGAIN -> RETRY, ENOSPC -> FULL, ENOENT ->
 * NOENT, EACCES -> DENIED, ENOMEM -> NOMEM, ... anything else -> IO. */
enum gw_err gw_err_from_errno(int error_number);

#endif
