/* SPDX-License-Identifier: Apache-2.0 */
/* What the server writes, byte for byte, in buffers with and without room. */
#include "drivers/mqtt/ingress/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"

/* All the kinds of packets, for what holds for each. */
enum { KINDS = 9 };

static bool put_kind(struct gw_buf *buf, unsigned kind) {
    const struct encode_connack connack = {.version = kind == 0 ? PACKET_V3 : PACKET_V5,
                                           .session_present = true,
                                           .receive_maximum = 512,
                                           .maximum_packet = 65536,
                                           .session_expiry_s = 604800,
                                           .is_session_expiry_other = true,
                                           .keep_alive_s = 60,
                                           .assigned_client_id = GW_STR("auto-0011")};
    const struct gw_bytes codes = {(const uint8_t *) "\0\x87", 2};
    switch (kind) {
    case 0:
    case 1:
        return encode_connack(buf, &connack);
    case 2:
        return encode_ack(buf, PACKET_V3, PACKET_PUBACK, 258, REASON_NOT_AUTHORISED);
    case 3:
        return encode_ack(buf, PACKET_V5, PACKET_PUBACK, 258, REASON_NOT_AUTHORISED);
    case 4:
        return encode_suback(buf, PACKET_V3, PACKET_SUBACK, 7, codes);
    case 5:
        return encode_suback(buf, PACKET_V5, PACKET_UNSUBACK, 7, codes);
    case 6:
        return encode_pingresp(buf);
    case 7:
        return encode_disconnect(buf, REASON_TAKEN_OVER);
    default:
        return encode_publish(buf, PACKET_V5, GW_STR("a/b"),
                              (struct gw_bytes){(const uint8_t *) "hey", 3});
    }
}

static void check_bytes(const struct gw_buf *buf, const char *bytes, size_t len) {
    assert_int_equal(buf->len, len);
    assert_memory_equal(buf->data, bytes, len);
}

static void every_packet_is_written_byte_for_byte(void **state) {
    (void) state;
    static const struct {
        const char *bytes;
        size_t len;
    } wanted[KINDS] = {
        {"\x20\2\1\0", 4},
        {"\x20\x27\1\0\x24\x21\2\0\x24\1\x27\0\1\0\0\x28\0\x29\0\x2a\0\x11\0\x09\x3a\x80\x13\0"
         "\x3c"
         "\x12\0\x09"
         "auto-0011",
         41},
        {"\x40\2\1\2", 4},
        {"\x40\3\1\2\x87", 5},
        {"\x90\4\0\7\0\x87", 6},
        {"\xb0\5\0\7\0\0\x87", 7},
        {"\xd0\0", 2},
        {"\xe0\1\x8e", 3},
        {"\x30\x09\0\3a/b\0hey", 11},
    };
    for (unsigned kind = 0; kind < KINDS; kind++) {
        uint8_t storage[256];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof storage);
        assert_true(put_kind(&buf, kind));
        check_bytes(&buf, wanted[kind].bytes, wanted[kind].len);
    }
}

/* The length of the header says where the packet ends, so no packet can swallow the
 * next one. */
static void every_packet_is_as_long_as_it_says(void **state) {
    (void) state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        uint8_t storage[256];
        struct gw_buf buf;
        struct packet_header header;
        gw_buf_init(&buf, storage, sizeof storage);
        assert_true(put_kind(&buf, kind));
        assert_int_equal(packet_read_header(gw_buf_bytes(&buf), &header), GW_OK);
        assert_int_equal(header.header_len + header.body_len, buf.len);
    }
}

static void without_room_nothing_is_written_and_the_buffer_stays_good(void **state) {
    (void) state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        uint8_t storage[256];
        struct gw_buf buf;
        gw_buf_init(&buf, storage, sizeof storage);
        assert_true(put_kind(&buf, kind));
        size_t whole = buf.len;
        for (size_t room = 0; room < whole; room++) {
            gw_buf_init(&buf, storage, room + 1);
            assert_true(gw_buf_put_char(&buf, 'x'));
            assert_false(put_kind(&buf, kind));
            assert_int_equal(buf.len, 1);
            assert_false(gw_buf_failed(&buf));
        }
        gw_buf_init(&buf, storage, whole);
        assert_true(put_kind(&buf, kind));
    }
}

static void success_is_said_without_a_reason(void **state) {
    (void) state;
    uint8_t storage[16];
    struct gw_buf buf;
    gw_buf_init(&buf, storage, sizeof storage);
    assert_true(encode_ack(&buf, PACKET_V5, PACKET_PUBREC, 1, REASON_SUCCESS));
    check_bytes(&buf, "\x50\2\0\1", 4);
    gw_buf_clear(&buf);
    assert_true(encode_ack(&buf, PACKET_V5, PACKET_PUBCOMP, 1, REASON_PACKET_ID_UNKNOWN));
    check_bytes(&buf, "\x70\3\0\1\x92", 5);
    gw_buf_clear(&buf);
    assert_true(encode_suback(&buf, PACKET_V3, PACKET_UNSUBACK, 9, (struct gw_bytes){0}));
    check_bytes(&buf, "\xb0\2\0\x09", 4);
}

static void a_refusal_says_no_limits_and_no_session(void **state) {
    (void) state;
    uint8_t storage[64];
    struct gw_buf buf;
    struct encode_connack connack = {.version = PACKET_V5,
                                     .session_present = true,
                                     .reason = REASON_BAD_CREDENTIALS,
                                     .receive_maximum = 1};
    gw_buf_init(&buf, storage, sizeof storage);
    assert_true(encode_connack(&buf, &connack));
    check_bytes(&buf, "\x20\3\0\x86\0", 5);
    gw_buf_clear(&buf);
    connack.version = PACKET_V3;
    assert_true(encode_connack(&buf, &connack));
    check_bytes(&buf, "\x20\2\0\4", 4);
}

static void a_long_client_id_needs_a_length_of_two_bytes(void **state) {
    (void) state;
    char id[121];
    uint8_t storage[256];
    struct gw_buf buf;
    struct packet_header header;
    memset(id, 'i', sizeof id - 1);
    struct encode_connack connack = {.version = PACKET_V5,
                                     .assigned_client_id = {id, sizeof id - 1}};
    gw_buf_init(&buf, storage, sizeof storage);
    assert_true(encode_connack(&buf, &connack));
    assert_int_equal(packet_read_header(gw_buf_bytes(&buf), &header), GW_OK);
    assert_int_equal(header.header_len + header.body_len, buf.len);
    struct packet_cursor cursor = {.at = buf.data + header.header_len + 2,
                                   .end = buf.data + buf.len};
    uint32_t len = packet_take_varint(&cursor);
    assert_int_equal(len, cursor.end - cursor.at);
}

static void return_codes_of_version_4_are_the_nearest(void **state) {
    (void) state;
    static const struct {
        uint8_t reason, code;
    } rows[] = {{REASON_VERSION, 1},         {REASON_CLIENT_ID, 2},      {REASON_BUSY, 3},
                {REASON_QUOTA, 3},           {REASON_SHUTTING_DOWN, 3},  {REASON_TOO_LARGE, 3},
                {REASON_BAD_CREDENTIALS, 4}, {REASON_NOT_AUTHORISED, 5}, {REASON_TOPIC_NAME, 5},
                {REASON_MALFORMED, 0},       {REASON_PROTOCOL_ERROR, 0}};
    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        assert_int_equal(encode_return_code(rows[i].reason), rows[i].code);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packet_is_written_byte_for_byte),
        cmocka_unit_test(every_packet_is_as_long_as_it_says),
        cmocka_unit_test(without_room_nothing_is_written_and_the_buffer_stays_good),
        cmocka_unit_test(success_is_said_without_a_reason),
        cmocka_unit_test(a_refusal_says_no_limits_and_no_session),
        cmocka_unit_test(a_long_client_id_needs_a_length_of_two_bytes),
        cmocka_unit_test(return_codes_of_version_4_are_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
