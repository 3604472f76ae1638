/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Modbus device may say to a request. Input: flags, unit, address, count, the
 * shapes of up to three requests given up before, then the bytes that come.
 *
 * flags: 1 RTU; 2 a write; 4 bits; 8 "the rest is a PDU": a right frame is put around
 * it, since chance finds no checksum; 16 such a frame follows the rest as well.
 *
 * Properties: what is taken for the answer is, byte for byte, a frame that can be built
 * from the request and the values; any split of the bytes gives the same; nothing
 * reads or writes outside its buffers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/modbus/assembly.h"
#include "drivers/modbus/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES 9

struct scene {
    enum gw_frame_kind kind;
    struct gw_frame_request request;
    struct gw_modbus_request read;
    bool is_write;
    struct gw_late late[GW_RTU_UNIT_MAX + 1];
    uint8_t bytes[2 * GW_FRAME_MAX_BYTES];
    size_t len;
};

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static bool make_request(struct scene *scene, const uint8_t *head) {
    static const uint16_t words[GW_MODBUS_MAX_WRITE_BITS] = {1, 0xABCD, 0, 7};
    bool is_bits = head[0] & 4;
    uint16_t address = (uint16_t) (head[2] << 8 | head[3]);
    uint16_t count = (uint16_t) (head[4] << 8 | head[5]);
    scene->is_write = head[0] & 2;
    scene->read = (struct gw_modbus_request){
        .unit_id = head[1],
        .area = is_bits ? GW_AREA_COIL : GW_AREA_HOLDING_REGISTER,
        .address = address,
        .count = count,
    };
    const struct gw_modbus_write write = {.unit_id = head[1],
                                          .area = scene->read.area,
                                          .address = address,
                                          .count = count,
                                          .words = words};
    enum gw_err err = scene->is_write ? gw_frame_ask_write(&write, &scene->request)
                                      : gw_frame_ask_read(&scene->read, &scene->request);
    require(!err || err == GW_ERR_INVALID);
    scene->request.transaction = 0x0102;
    return !err;
}

/* Requests of the same unit and of another one, given up before, maybe of more shapes than
 * are remembered. */
static void give_up(struct scene *scene, const uint8_t *shapes) {
    for (size_t i = 0; i < 15; i++) {
        struct gw_frame_request request;
        const struct gw_modbus_request read = {.unit_id = scene->read.unit_id,
                                               .area = GW_AREA_HOLDING_REGISTER,
                                               .count = (uint16_t) (shapes[i % 3] + i / 3)};
        bool is_asked = !gw_frame_ask_read(&read, &request) && read.unit_id < GW_RTU_UNIT_MAX;
        if (is_asked) {
            gw_late_note(&scene->late[read.unit_id + i % 2], &request);
        }
    }
}

static void put_bytes(struct scene *scene, unsigned flags, const uint8_t *rest, size_t len) {
    struct gw_frame_request frame = {.unit_id = scene->request.unit_id,
                                     .transaction = scene->request.transaction};
    frame.pdu_bytes = len > GW_FRAME_PDU_MAX_BYTES ? GW_FRAME_PDU_MAX_BYTES : len;
    if (frame.pdu_bytes > 0) {
        memcpy(frame.pdu, rest, frame.pdu_bytes);
    }
    if (!(flags & 8)) {
        scene->len = frame.pdu_bytes;
        memcpy(scene->bytes, frame.pdu, scene->len);
    }
    if (flags & 24) {
        uint8_t bytes[GW_FRAME_MAX_BYTES];
        size_t more = gw_frame_put(scene->kind, &frame, bytes);
        memcpy(scene->bytes + scene->len, bytes, more);
        scene->len += more;
    }
}

/* The frame of the values that were taken from it. Bits behind the last one are the
 * device's own affair. */
static void check_values(const struct scene *scene, struct gw_bytes answer) {
    uint16_t words[GW_MODBUS_MAX_BITS];
    gw_frame_get_words(scene->kind, &scene->request, answer, words);
    size_t at = scene->kind == GW_FRAME_TCP ? 9 : 3;
    for (size_t i = 0; i < scene->read.count; i++) {
        if (gw_point_area_is_bits(scene->read.area)) {
            require(words[i] == (answer.ptr[at + i / 8] >> i % 8 & 1));
        } else {
            require(words[i] == (answer.ptr[at + 2 * i] << 8 | answer.ptr[at + 2 * i + 1]));
        }
    }
}

static void check_frame(const struct scene *scene, struct gw_bytes answer, enum gw_err err,
                        unsigned exception) {
    struct gw_frame_request built = {.unit_id = scene->request.unit_id,
                                     .transaction = scene->request.transaction};
    size_t before = scene->kind == GW_FRAME_TCP ? 7 : 1;
    built.pdu_bytes = answer.len - before - (scene->kind == GW_FRAME_RTU ? 2 : 0);
    memcpy(built.pdu, answer.ptr + before, built.pdu_bytes);
    if (err) {
        require(exception > 0 && built.pdu_bytes == 2 && built.pdu[1] == exception
                && built.pdu[0] == (scene->request.pdu[0] | 0x80));
    } else {
        require(built.pdu_bytes == scene->request.answer_bytes);
        require(memcmp(built.pdu, scene->request.pdu, scene->is_write ? 5 : 1) == 0);
    }
    uint8_t bytes[GW_FRAME_MAX_BYTES];
    require(gw_frame_put(scene->kind, &built, bytes) == answer.len);
    require(memcmp(bytes, answer.ptr, answer.len) == 0);
}

/* Feed it in pieces; what it comes to. */
static enum gw_err feed(const struct scene *scene, size_t piece, struct gw_assembly *assembly) {
    const struct gw_expectation expected = {scene->kind, &scene->request, scene->late};
    uint64_t late = 0;
    assembly->len = 0;
    enum gw_err err = gw_assembly_look(assembly, &expected, &late);
    for (size_t at = 0; at < scene->len && err == GW_ERR_RETRY; at += piece) {
        size_t len = scene->len - at < piece ? scene->len - at : piece;
        require(assembly->len + len <= sizeof assembly->bytes);
        memcpy(assembly->bytes + assembly->len, scene->bytes + at, len);
        assembly->len += len;
        err = gw_assembly_look(assembly, &expected, &late);
    }
    return err;
}

/* Whatever is refused has a reason, what is taken has none. */
static void check_judge(const struct scene *scene, struct gw_bytes came, enum gw_err err) {
    char storage[300];
    struct gw_buf text;
    gw_buf_init(&text, storage, sizeof storage);
    struct gw_modbus_wrong wrong = gw_modbus_judge(scene->kind, &scene->request, came);
    require(wrong.kind < GW_WRONG_KINDS);
    require((wrong.kind != GW_WRONG_NOTHING) == (err == GW_ERR_CORRUPT || err == GW_ERR_RETRY));
    gw_modbus_wrong_put(&wrong, &text);
    require(!gw_buf_failed(&text));
}

static void check_fence(const struct scene *scene) {
    if (scene->is_write || scene->read.unit_id > GW_RTU_UNIT_MAX) {
        return;
    }
    const struct gw_late *late = &scene->late[scene->read.unit_id];
    struct gw_modbus_request fence;
    if (!gw_late_fence(late, &scene->read, &fence)) {
        return;
    }
    require(!late->has_more);
    require(fence.unit_id == scene->read.unit_id && fence.area == scene->read.area);
    require(fence.address == scene->read.address && fence.count <= scene->read.count);
    struct gw_frame_request request;
    require(gw_frame_ask_read(&fence, &request) == GW_OK);
    for (size_t i = 0; i < late->count; i++) {
        require(late->shapes[i].function != request.pdu[0]
                || (late->shapes[i].answer_bytes != request.answer_bytes
                    && gw_late_needs_fence(late, &request)));
    }
    require(!gw_late_is_shape(late, &request));
    struct gw_late cleared = *late;
    gw_late_clear(&cleared);
    require(!gw_late_needs_fence(&cleared, &request));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct scene scene;
    memset(&scene, 0, sizeof scene);
    if (size < HEAD_BYTES) {
        return 0;
    }
    scene.kind = data[0] & 1 ? GW_FRAME_RTU : GW_FRAME_TCP;
    if (!make_request(&scene, data)) {
        return 0;
    }
    give_up(&scene, data + 6);
    check_fence(&scene);
    put_bytes(&scene, data[0], data + HEAD_BYTES, size - HEAD_BYTES);
    static struct gw_assembly whole, pieces;
    enum gw_err err = feed(&scene, scene.len + 1, &whole), by_byte = feed(&scene, 1, &pieces);
    require(err == GW_OK || err == GW_ERR_RETRY || err == GW_ERR_CORRUPT);
    /* Only what follows an answer may be seen or not. */
    require(err == by_byte || (err == GW_ERR_CORRUPT && by_byte == GW_OK));
    if (err) {
        if (whole.len > 0) {
            check_judge(&scene, (struct gw_bytes){whole.bytes, whole.len}, err);
        }
        return 0;
    }
    require(whole.len == pieces.len && memcmp(whole.bytes, pieces.bytes, whole.len) == 0);
    struct gw_bytes answer = {whole.bytes, whole.len};
    unsigned exception = 0;
    err = gw_frame_check(scene.kind, &scene.request, answer, &exception);
    require(err == GW_OK || err == GW_ERR_CORRUPT || err == GW_ERR_INVALID);
    check_judge(&scene, answer, err);
    if (err != GW_ERR_CORRUPT) {
        check_frame(&scene, answer, err, exception);
    }
    if (!err && !scene.is_write) {
        check_values(&scene, answer);
    }
    return 0;
}
