/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Unit 7, two holding registers from 10 on, transaction 6. */
static struct gw_frame_request read_of_two(void) {
    const struct gw_modbus_request read = {
        .unit_id = 7, .area = GW_AREA_HOLDING_REGISTER, .address = 10, .count = 2};
    struct gw_frame_request request;
    assert_int_equal(gw_frame_ask_read(&read, &request), GW_OK);
    request.transaction = 6;
    return request;
}

static struct gw_modbus_wrong judged(enum gw_frame_kind kind,
                                     const struct gw_frame_request *request, const char *hex) {
    uint8_t bytes[80];
    size_t len = strlen(hex) / 2;
    assert_int_equal(gw_hex_parse(gw_str_from_cstr(hex), bytes, len), GW_OK);
    return gw_modbus_judge(kind, request, (struct gw_bytes){bytes, len});
}

static void assert_text(const struct gw_modbus_wrong *wrong, const char *expected) {
    char text[200] = {0};
    struct gw_buf buf;
    gw_buf_init(&buf, text, sizeof text - 1);
    gw_modbus_wrong_put(wrong, &buf);
    assert_string_equal(text, expected);
}

static void assert_read(enum gw_frame_kind kind, const char *hex, const char *expected) {
    struct gw_frame_request request = read_of_two();
    struct gw_modbus_wrong wrong = judged(kind, &request, hex);
    assert_text(&wrong, expected);
}

static void what_comes_over_tcp_is_named(void **state) {
    (void) state;
    const char *const cases[][2] = {
        {"00060000000707030400010002", ""},
        {"000600000003078302", ""},
        {"", ""},
        {"000600000007ff030400010002",
         "answered as unit 255 (13 bytes: 00 06 00 00 00 07 ff 03 04 00 01 00 02)"},
        {"00060000000707040400010002", "answered function 4, asked for was 3 (13 bytes: 00 06 "
                                       "00 00 00 07 07 04 04 00 01 00 02)"},
        {"0006000000050703020001", "answered with another length than was asked for (11 bytes: "
                                   "00 06 00 00 00 05 07 03 02 "
                                   "00 01)"},
        {"00050000000707030400010002", "answered transaction 5, asked was 6 (13 bytes: 00 05 "
                                       "00 00 00 07 07 03 04 00 01 00 02)"},
        {"485454502f312e3120343030204261640d0a", "answered what is no Modbus TCP (18 bytes: 48 "
                                                 "54 54 50 2f 31 2e 31 20 34 30 30 20 42 61 "
                                                 "64 ...)"},
        {"0006000000070703040001",
         "answered, but broke off (11 bytes: 00 06 00 00 00 07 07 03 04 "
         "00 01)"},
        {"00", "answered, but broke off (1 byte: 00)"},
        {"000600000003078300",
         "answered exception 0, which does not exist (9 bytes: 00 06 00 00 00 03 07 83 00)"},
        {"0006000000070703040001000200", "sent more behind its answer: two units with one id, "
                                         "or noise (14 bytes: 00 06 00 00 00 "
                                         "07 07 03 04 00 01 00 02 00)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_read(GW_FRAME_TCP, cases[i][0], cases[i][1]);
    }
}

/* The frame of those bytes, with what follows. */
static enum gw_modbus_wrong_kind kind_of(const struct gw_frame_request *request,
                                         uint8_t unit_id, const char *pdu, const char *behind) {
    uint8_t bytes[GW_FRAME_MAX_BYTES + 40];
    struct gw_frame_request frame = {.unit_id = unit_id, .pdu_bytes = strlen(pdu) / 2};
    assert_int_equal(gw_hex_parse(gw_str_from_cstr(pdu), frame.pdu, frame.pdu_bytes), GW_OK);
    size_t len = gw_frame_put(GW_FRAME_RTU, &frame, bytes);
    assert_int_equal(gw_hex_parse(gw_str_from_cstr(behind), bytes + len, strlen(behind) / 2),
                     GW_OK);
    len += strlen(behind) / 2;
    return gw_modbus_judge(GW_FRAME_RTU, request, (struct gw_bytes){bytes, len}).kind;
}

static void what_comes_on_a_line_is_named_where_a_checksum_vouches_for_it(void **state) {
    (void) state;
    struct gw_frame_request request = read_of_two();
    assert_int_equal(kind_of(&request, 7, "030400010002", ""), GW_WRONG_NOTHING);
    assert_int_equal(kind_of(&request, 7, "8302", ""), GW_WRONG_NOTHING);
    assert_int_equal(kind_of(&request, 9, "030400010002", ""), GW_WRONG_UNIT);
    assert_int_equal(kind_of(&request, 9, "0302000a", "07030400"), GW_WRONG_UNIT);
    assert_int_equal(kind_of(&request, 7, "040400010002", ""), GW_WRONG_FUNCTION);
    assert_int_equal(kind_of(&request, 7, "03020001", ""), GW_WRONG_LENGTH);
    assert_int_equal(kind_of(&request, 7, "8300", ""), GW_WRONG_EXCEPTION);
    assert_int_equal(kind_of(&request, 7, "030400010002", "00"), GW_WRONG_BEHIND);
    assert_int_equal(kind_of(&request, 7, "030400010002", "ff07"), GW_WRONG_BEHIND);
    assert_int_equal(kind_of(&request, 7, "03000a0002", ""), GW_WRONG_REQUEST);
    assert_int_equal(kind_of(&request, 7, "03000a0002", "070304"), GW_WRONG_REQUEST);
    assert_int_equal(judged(GW_FRAME_RTU, &request, "0703040001").kind, GW_WRONG_CUT);
    assert_int_equal(judged(GW_FRAME_RTU, &request, "fe").kind, GW_WRONG_CUT);
    assert_read(
        GW_FRAME_RTU, "070304000100020000",
        "wrong checksum: parity, speed or two units with one id (9 bytes: 07 03 04 00 01 "
        "00 02 00 00)");
    assert_int_equal(judged(GW_FRAME_RTU, &request, "ff8000ff80007f").kind, GW_WRONG_CRC);
}

static void the_confirmation_of_a_write_is_no_echo(void **state) {
    (void) state;
    const uint16_t word = 5;
    const struct gw_modbus_write write = {.unit_id = 7,
                                          .area = GW_AREA_HOLDING_REGISTER,
                                          .address = 10,
                                          .count = 1,
                                          .words = &word};
    struct gw_frame_request request;
    assert_int_equal(gw_frame_ask_write(&write, &request), GW_OK);
    assert_int_equal(kind_of(&request, 7, "06000a0005", ""), GW_WRONG_NOTHING);
    assert_int_equal(kind_of(&request, 7, "06000a0006", ""), GW_WRONG_CONTENT);
    assert_int_equal(kind_of(&request, 7, "06000b0005", ""), GW_WRONG_CONTENT);
}

static void every_kind_has_a_name_of_its_own_and_a_text(void **state) {
    (void) state;
    for (enum gw_modbus_wrong_kind a = 0; a < GW_WRONG_KINDS; a++) {
        for (enum gw_modbus_wrong_kind b = 0; b < a; b++) {
            assert_string_not_equal(gw_modbus_wrong_name(a), gw_modbus_wrong_name(b));
        }
        char text[200];
        struct gw_buf buf;
        gw_buf_init(&buf, text, sizeof text);
        gw_modbus_wrong_put(&(struct gw_modbus_wrong){.kind = a}, &buf);
        assert_true((buf.len > 0) == (a != GW_WRONG_NOTHING));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_over_tcp_is_named),
        cmocka_unit_test(what_comes_on_a_line_is_named_where_a_checksum_vouches_for_it),
        cmocka_unit_test(the_confirmation_of_a_write_is_no_echo),
        cmocka_unit_test(every_kind_has_a_name_of_its_own_and_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
