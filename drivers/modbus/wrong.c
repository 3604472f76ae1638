/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/wrong.h"

#include <string.h>

static const struct {
    const char *name, *text;
} kinds[GW_WRONG_KINDS] = {
    [GW_WRONG_NOTHING] = {"nothing", ""},
    [GW_WRONG_UNIT] = {"unit", "answered as unit %u"},
    [GW_WRONG_FUNCTION] = {"function", "answered function %u, asked for was %u"},
    [GW_WRONG_LENGTH] = {"length", "answered with another length than was asked for"},
    [GW_WRONG_CRC] = {"crc", "wrong checksum: parity, speed or two units with one id"},
    [GW_WRONG_TRANSACTION] = {"transaction", "answered transaction %u, asked was %u"},
    [GW_WRONG_PROTOCOL] = {"protocol", "answered what is no Modbus TCP"},
    [GW_WRONG_ECHO] = {"echo", "no echo of the request, though the bus is set to have one"},
    [GW_WRONG_REQUEST] = {"request",
                          "the request itself came back: an adapter with an echo (set echo)"},
    [GW_WRONG_BEHIND] = {"behind",
                         "sent more behind its answer: two units with one id, or noise"},
    [GW_WRONG_EXCEPTION] = {"exception", "answered exception 0, which does not exist"},
    [GW_WRONG_CONTENT] = {"content", "confirmed another write than it was sent"},
    [GW_WRONG_CUT] = {"cut", "answered, but broke off"},
    [GW_WRONG_BABBLE] = {"babble", "the line does not rest: somebody else speaks on it"},
};

void gw_modbus_wrong_note(struct gw_modbus_wrong *wrong, struct gw_bytes came) {
    size_t shown = came.len < GW_WRONG_BYTES ? came.len : GW_WRONG_BYTES;
    wrong->len = (uint16_t) (came.len < UINT16_MAX ? came.len : UINT16_MAX);
    if (shown > 0) {
        memcpy(wrong->bytes, came.ptr, shown);
    }
}

const char *gw_modbus_wrong_name(enum gw_modbus_wrong_kind kind) {
    return kinds[kind].name;
}

static void put_number(struct gw_buf *buf, struct gw_str *rest, unsigned number) {
    size_t at = gw_str_find(*rest, '%', 0);
    (void) gw_buf_put_str(buf, gw_str_sub(*rest, 0, at));
    if (at < rest->len) {
        (void) gw_buf_put_u64(buf, number);
    }
    *rest = gw_str_sub(*rest, at + 2, SIZE_MAX);
}

void gw_modbus_wrong_put(const struct gw_modbus_wrong *wrong, struct gw_buf *buf) {
    struct gw_str rest = gw_str_from_cstr(kinds[wrong->kind].text);
    put_number(buf, &rest, wrong->found);
    put_number(buf, &rest, wrong->wanted);
    (void) gw_buf_put_str(buf, rest);
    if (wrong->kind == GW_WRONG_NOTHING || wrong->len == 0) {
        return;
    }
    (void) gw_buf_printf(buf, " (%u byte%s:", (unsigned) wrong->len,
                         wrong->len == 1 ? "" : "s");
    for (size_t i = 0; i < wrong->len && i < GW_WRONG_BYTES; i++) {
        (void) gw_buf_printf(buf, " %02x", (unsigned) wrong->bytes[i]);
    }
    (void) gw_buf_put_str(buf, wrong->len > GW_WRONG_BYTES ? GW_STR(" ...)") : GW_STR(")"));
}
