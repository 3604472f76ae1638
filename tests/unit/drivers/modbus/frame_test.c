/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: MODBUS Application Protocol V1.1b3, 6.1 to 6.12; CRC: MODBUS over Serial Line
 * V1.02, 6.2.2. */
#include "drivers/modbus/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"

struct vector {
    struct gw_modbus_request read;
    uint8_t request[5];
    uint8_t answer[16];
    size_t answer_len;
    uint16_t words[22];
};

static const struct vector reads[] = {
    {{.unit_id = 1, .area = GW_AREA_COIL, .address = 0x13, .count = 0x13},
     {0x01, 0x00, 0x13, 0x00, 0x13},
     {0x01, 0x03, 0xCD, 0x6B, 0x05},
     5,
     {1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1}},
    {{.unit_id = 1, .area = GW_AREA_DISCRETE_INPUT, .address = 0xC4, .count = 0x16},
     {0x02, 0x00, 0xC4, 0x00, 0x16},
     {0x02, 0x03, 0xAC, 0xDB, 0x35},
     5,
     {0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1}},
    {{.unit_id = 1, .area = GW_AREA_HOLDING_REGISTER, .address = 0x6B, .count = 3},
     {0x03, 0x00, 0x6B, 0x00, 0x03},
     {0x03, 0x06, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64},
     8,
     {0x022B, 0, 0x64}},
    {{.unit_id = 1, .area = GW_AREA_INPUT_REGISTER, .address = 8, .count = 1},
     {0x04, 0x00, 0x08, 0x00, 0x01},
     {0x04, 0x02, 0x00, 0x0A},
     4,
     {10}},
};

static const enum gw_frame_kind kinds[] = {GW_FRAME_TCP, GW_FRAME_RTU};

struct frame {
    uint8_t bytes[GW_FRAME_MAX_BYTES];
    size_t len;
};

/* The frame around any PDU: what asks is made like what answers. */
static struct frame frame_of(enum gw_frame_kind kind, uint8_t unit_id, uint16_t transaction,
                             const uint8_t *pdu, size_t len) {
    struct gw_frame_request request = {.unit_id = unit_id, .transaction = transaction};
    memcpy(request.pdu, pdu, len);
    request.pdu_bytes = len;
    struct frame frame;
    frame.len = gw_frame_put(kind, &request, frame.bytes);
    return frame;
}

static struct gw_bytes bytes_of(const struct frame *frame) {
    return (struct gw_bytes){frame->bytes, frame->len};
}

static struct gw_frame_request ask(const struct gw_modbus_request *read, uint16_t transaction) {
    struct gw_frame_request request;
    assert_int_equal(gw_frame_ask_read(read, &request), GW_OK);
    request.transaction = transaction;
    return request;
}

static void reads_are_those_of_the_standard(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(reads); i++) {
        struct gw_frame_request request = ask(&reads[i].read, 0x1234);
        assert_int_equal(request.pdu_bytes, 5);
        assert_memory_equal(request.pdu, reads[i].request, 5);
        for (size_t k = 0; k < GW_ARRAY_LEN(kinds); k++) {
            struct frame answer =
                frame_of(kinds[k], 1, 0x1234, reads[i].answer, reads[i].answer_len);
            unsigned exception = 77;
            uint16_t words[24] = {0};
            assert_int_equal(gw_frame_check(kinds[k], &request, bytes_of(&answer), &exception),
                             GW_OK);
            assert_int_equal(exception, 77);
            gw_frame_get_words(kinds[k], &request, bytes_of(&answer), words);
            assert_memory_equal(words, reads[i].words,
                                reads[i].read.count * sizeof reads[i].words[0]);
        }
    }
}

static void frames_look_like_the_standard_says(void **state) {
    (void) state;
    struct gw_frame_request request = ask(&reads[2].read, 0x1501);
    uint8_t bytes[GW_FRAME_MAX_BYTES];
    static const uint8_t tcp[] = {0x15, 0x01, 0, 0, 0, 6, 1, 3, 0, 0x6B, 0, 3};
    assert_int_equal(gw_frame_put(GW_FRAME_TCP, &request, bytes), sizeof tcp);
    assert_memory_equal(bytes, tcp, sizeof tcp);
    static const uint8_t rtu[] = {1, 3, 0, 0x6B, 0, 3, 0x74, 0x17};
    assert_int_equal(gw_frame_put(GW_FRAME_RTU, &request, bytes), sizeof rtu);
    assert_memory_equal(bytes, rtu, sizeof rtu);
}

static void the_checksum_is_that_of_the_standard(void **state) {
    (void) state;
    static const uint8_t frame[] = {0x02, 0x07, 0x41, 0x12};
    assert_true(gw_frame_has_crc((struct gw_bytes){frame, sizeof frame}));
    assert_false(gw_frame_has_crc((struct gw_bytes){frame, 2}));
    assert_false(gw_frame_has_crc((struct gw_bytes){NULL, 0}));
}

/* What a receiver learns from each start of an answer. */
static void an_answer_is_known_as_it_comes(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(reads); i++) {
        struct gw_frame_request request = ask(&reads[i].read, 5);
        for (size_t k = 0; k < GW_ARRAY_LEN(kinds); k++) {
            struct frame answer =
                frame_of(kinds[k], 1, 5, reads[i].answer, reads[i].answer_len);
            for (size_t len = 0; len < answer.len; len++) {
                struct gw_bytes start = {answer.bytes, len};
                size_t wanted = gw_frame_wanted(kinds[k], &request, start);
                assert_true(wanted > len && wanted <= answer.len);
            }
            assert_int_equal(gw_frame_wanted(kinds[k], &request, bytes_of(&answer)),
                             answer.len);
        }
    }
}

/* Whether an answer with one byte changed may still pass: only what it says. */
static bool is_content(enum gw_frame_kind kind, size_t at) {
    return kind == GW_FRAME_TCP && at >= 9;
}

static void any_other_byte_makes_it_wrong(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(reads); i++) {
        struct gw_frame_request request = ask(&reads[i].read, 5);
        for (size_t k = 0; k < GW_ARRAY_LEN(kinds); k++) {
            struct frame answer =
                frame_of(kinds[k], 1, 5, reads[i].answer, reads[i].answer_len);
            for (size_t at = 0; at < answer.len; at++) {
                for (unsigned flip = 1; flip < 256; flip++) {
                    struct frame wrong = answer;
                    wrong.bytes[at] = (uint8_t) (wrong.bytes[at] ^ flip);
                    unsigned exception = 0;
                    enum gw_err err =
                        gw_frame_check(kinds[k], &request, bytes_of(&wrong), &exception);
                    assert_int_equal(err, is_content(kinds[k], at) ? GW_OK : GW_ERR_CORRUPT);
                }
            }
        }
    }
}

static void bytes_too_few_or_too_many_make_it_wrong(void **state) {
    (void) state;
    struct gw_frame_request request = ask(&reads[2].read, 5);
    for (size_t k = 0; k < GW_ARRAY_LEN(kinds); k++) {
        struct frame answer = frame_of(kinds[k], 1, 5, reads[2].answer, reads[2].answer_len);
        answer.bytes[answer.len] = 0;
        unsigned exception = 0;
        for (size_t len = 0; len <= answer.len + 1; len++) {
            struct gw_bytes part = {answer.bytes, len};
            assert_int_equal(gw_frame_check(kinds[k], &request, part, &exception),
                             len == answer.len ? GW_OK : GW_ERR_CORRUPT);
        }
    }
}

static void exceptions_have_their_code(void **state) {
    (void) state;
    struct gw_frame_request request = ask(&reads[2].read, 5);
    for (size_t k = 0; k < GW_ARRAY_LEN(kinds); k++) {
        for (unsigned code = 0; code < 256; code++) {
            const uint8_t pdu[] = {0x83, (uint8_t) code};
            struct frame answer = frame_of(kinds[k], 1, 5, pdu, sizeof pdu);
            unsigned exception = 999;
            enum gw_err err = gw_frame_check(kinds[k], &request, bytes_of(&answer), &exception);
            assert_int_equal(err, code == 0 ? GW_ERR_CORRUPT : GW_ERR_INVALID);
            assert_int_equal(exception, code == 0 ? 999 : code);
        }
        const uint8_t other[] = {0x84, 2};
        struct frame answer = frame_of(kinds[k], 1, 5, other, sizeof other);
        unsigned exception = 0;
        assert_int_equal(gw_frame_check(kinds[k], &request, bytes_of(&answer), &exception),
                         GW_ERR_CORRUPT);
    }
}

struct write_vector {
    struct gw_modbus_write write;
    uint8_t request[16];
    size_t len;
};

static const uint16_t one[] = {1}, three[] = {3}, two_words[] = {0x000A, 0x0102},
                      ten_bits[] = {1, 0, 1, 1, 0, 0, 1, 1, 1, 0};

static const struct write_vector writes[] = {
    {{.unit_id = 1, .area = GW_AREA_COIL, .address = 0xAC, .count = 1, .words = one},
     {0x05, 0x00, 0xAC, 0xFF, 0x00},
     5},
    {{.unit_id = 1, .area = GW_AREA_HOLDING_REGISTER, .address = 1, .count = 1, .words = three},
     {0x06, 0x00, 0x01, 0x00, 0x03},
     5},
    {{.unit_id = 1, .area = GW_AREA_COIL, .address = 0x13, .count = 10, .words = ten_bits},
     {0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01},
     8},
    {{.unit_id = 1,
      .area = GW_AREA_HOLDING_REGISTER,
      .address = 1,
      .count = 2,
      .words = two_words},
     {0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02},
     10},
    {{.unit_id = 1,
      .area = GW_AREA_HOLDING_REGISTER,
      .address = 1,
      .count = 1,
      .words = three,
      .is_multiple = true},
     {0x10, 0x00, 0x01, 0x00, 0x01, 0x02, 0x00, 0x03},
     8},
    {{.unit_id = 1,
      .area = GW_AREA_COIL,
      .address = 9,
      .count = 1,
      .words = one,
      .is_multiple = true},
     {0x0F, 0x00, 0x09, 0x00, 0x01, 0x01, 0x01},
     7},
};

static void writes_are_those_of_the_standard(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(writes); i++) {
        struct gw_frame_request request;
        assert_int_equal(gw_frame_ask_write(&writes[i].write, &request), GW_OK);
        assert_int_equal(request.pdu_bytes, writes[i].len);
        assert_memory_equal(request.pdu, writes[i].request, writes[i].len);
    }
}

static void a_write_is_confirmed_by_its_address_and_value_alone(void **state) {
    (void) state;
    for (size_t i = 0; i < GW_ARRAY_LEN(writes); i++) {
        struct gw_frame_request request;
        assert_int_equal(gw_frame_ask_write(&writes[i].write, &request), GW_OK);
        for (size_t k = 0; k < GW_ARRAY_LEN(kinds); k++) {
            struct frame right = frame_of(kinds[k], 1, 0, request.pdu, 5);
            unsigned exception = 0;
            assert_int_equal(gw_frame_check(kinds[k], &request, bytes_of(&right), &exception),
                             GW_OK);
            for (size_t at = 1; at < 5; at++) {
                uint8_t pdu[5];
                memcpy(pdu, request.pdu, sizeof pdu);
                pdu[at] ^= 1;
                struct frame wrong = frame_of(kinds[k], 1, 0, pdu, sizeof pdu);
                assert_int_equal(
                    gw_frame_check(kinds[k], &request, bytes_of(&wrong), &exception),
                    GW_ERR_CORRUPT);
            }
        }
    }
}

static enum gw_err try_read(enum gw_modbus_area area, uint16_t address, uint16_t count) {
    struct gw_frame_request request;
    return gw_frame_ask_read(
        &(struct gw_modbus_request){
            .unit_id = 1, .area = area, .address = address, .count = count},
        &request);
}

static enum gw_err try_write(enum gw_modbus_area area, uint8_t unit_id, uint16_t address,
                             uint16_t count) {
    static const uint16_t words[GW_MODBUS_MAX_WRITE_BITS + 1];
    struct gw_frame_request request;
    return gw_frame_ask_write(&(struct gw_modbus_write){.unit_id = unit_id,
                                                        .area = area,
                                                        .address = address,
                                                        .count = count,
                                                        .words = words},
                              &request);
}

static void what_cannot_be_asked_is_not_asked(void **state) {
    (void) state;
    assert_int_equal(try_read(GW_AREA_COIL, 0, 0), GW_ERR_INVALID);
    assert_int_equal(try_read(GW_AREA_COIL, 0, 2000), GW_OK);
    assert_int_equal(try_read(GW_AREA_COIL, 0, 2001), GW_ERR_INVALID);
    assert_int_equal(try_read(GW_AREA_INPUT_REGISTER, 0, 125), GW_OK);
    assert_int_equal(try_read(GW_AREA_INPUT_REGISTER, 0, 126), GW_ERR_INVALID);
    assert_int_equal(try_read(GW_AREA_INPUT_REGISTER, 65535, 1), GW_OK);
    assert_int_equal(try_read(GW_AREA_INPUT_REGISTER, 65535, 2), GW_ERR_INVALID);
    assert_int_equal(try_write(GW_AREA_COIL, 1, 0, 1968), GW_OK);
    assert_int_equal(try_write(GW_AREA_COIL, 1, 0, 1969), GW_ERR_INVALID);
    assert_int_equal(try_write(GW_AREA_HOLDING_REGISTER, 1, 0, 123), GW_OK);
    assert_int_equal(try_write(GW_AREA_HOLDING_REGISTER, 1, 0, 124), GW_ERR_INVALID);
    assert_int_equal(try_write(GW_AREA_HOLDING_REGISTER, 1, 65535, 2), GW_ERR_INVALID);
    assert_int_equal(try_write(GW_AREA_HOLDING_REGISTER, 1, 0, 0), GW_ERR_INVALID);
    assert_int_equal(try_write(GW_AREA_HOLDING_REGISTER, 0, 0, 1), GW_ERR_INVALID);
    assert_int_equal(try_write(GW_AREA_INPUT_REGISTER, 1, 0, 1), GW_ERR_INVALID);
    assert_int_equal(try_write(GW_AREA_DISCRETE_INPUT, 1, 0, 1), GW_ERR_INVALID);
}

static void the_longest_frames_fit(void **state) {
    (void) state;
    static const uint16_t words[GW_MODBUS_MAX_WRITE_BITS];
    const struct gw_modbus_write longest[] = {
        {.unit_id = 1, .area = GW_AREA_COIL, .count = 1968, .words = words},
        {.unit_id = 1, .area = GW_AREA_HOLDING_REGISTER, .count = 123, .words = words},
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(longest); i++) {
        struct gw_frame_request request;
        uint8_t bytes[GW_FRAME_MAX_BYTES];
        assert_int_equal(gw_frame_ask_write(&longest[i], &request), GW_OK);
        assert_int_equal(gw_frame_put(GW_FRAME_TCP, &request, bytes), 259);
        assert_int_equal(gw_frame_put(GW_FRAME_RTU, &request, bytes), 255);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_are_those_of_the_standard),
        cmocka_unit_test(frames_look_like_the_standard_says),
        cmocka_unit_test(the_checksum_is_that_of_the_standard),
        cmocka_unit_test(an_answer_is_known_as_it_comes),
        cmocka_unit_test(any_other_byte_makes_it_wrong),
        cmocka_unit_test(bytes_too_few_or_too_many_make_it_wrong),
        cmocka_unit_test(exceptions_have_their_code),
        cmocka_unit_test(writes_are_those_of_the_standard),
        cmocka_unit_test(a_write_is_confirmed_by_its_address_and_value_alone),
        cmocka_unit_test(what_cannot_be_asked_is_not_asked),
        cmocka_unit_test(the_longest_frames_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
