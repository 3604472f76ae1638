/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/late.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/base/cleanup.h"

static struct gw_modbus_request read_of(enum gw_modbus_area area, uint16_t address,
                                        uint16_t count) {
    return (struct gw_modbus_request){
        .unit_id = 1, .area = area, .address = address, .count = count};
}

static struct gw_frame_request ask(enum gw_modbus_area area, uint16_t address, uint16_t count) {
    struct gw_modbus_request read = read_of(area, address, count);
    struct gw_frame_request request;
    assert_int_equal(gw_frame_ask_read(&read, &request), GW_OK);
    return request;
}

static void give_up(struct gw_late *late, enum gw_modbus_area area, uint16_t count) {
    struct gw_frame_request request = ask(area, 0, count);
    gw_late_note(late, &request);
}

static void a_fence_is_needed_where_a_late_answer_or_exception_would_fit(void **state) {
    (void) state;
    struct gw_late late = {0};
    struct gw_frame_request same = ask(GW_AREA_HOLDING_REGISTER, 7, 4),
                            longer = ask(GW_AREA_HOLDING_REGISTER, 7, 5),
                            other = ask(GW_AREA_INPUT_REGISTER, 7, 4);
    assert_false(gw_late_needs_fence(&late, &same));
    give_up(&late, GW_AREA_HOLDING_REGISTER, 4);
    assert_true(gw_late_needs_fence(&late, &same));
    assert_true(gw_late_needs_fence(&late, &longer));
    assert_false(gw_late_needs_fence(&late, &other));
    gw_late_clear(&late);
    assert_false(gw_late_needs_fence(&late, &same));
}

/* Whether a late answer of what was given up fits the fence: it must not. */
static bool fits(const struct gw_modbus_request *fence, enum gw_modbus_area area,
                 uint16_t count) {
    struct gw_frame_request given_up = ask(area, 0, count), asked;
    assert_int_equal(gw_frame_ask_read(fence, &asked), GW_OK);
    return asked.answer_bytes == given_up.answer_bytes;
}

static void no_late_answer_fits_the_fence(void **state) {
    (void) state;
    static const struct {
        enum gw_modbus_area area;
        uint16_t most;
    } areas[] = {{GW_AREA_HOLDING_REGISTER, 125}, {GW_AREA_COIL, 2000}};
    static const uint16_t addresses[] = {0, 1, 30000, 65000};
    for (size_t i = 0; i < GW_ARRAY_LEN(areas); i++) {
        for (uint16_t count = 1; count <= areas[i].most; count++) {
            uint16_t given_up[GW_LATE_MAX];
            struct gw_late late = {0};
            struct gw_modbus_request read = read_of(areas[i].area, addresses[count % 4], count);
            give_up(&late, areas[i].area, count);
            given_up[0] = count;
            /* Every fence is given up as well, as long as they can be remembered. */
            for (size_t n = 1; n < GW_LATE_MAX; n++) {
                struct gw_modbus_request fence;
                if (!gw_late_fence(&late, &read, &fence)) {
                    assert_true(count <= (areas[i].area == GW_AREA_COIL ? 8 * n : n));
                    break;
                }
                assert_true(fence.count <= read.count && fence.address == read.address);
                for (size_t j = 0; j < n; j++) {
                    assert_false(fits(&fence, areas[i].area, given_up[j]));
                }
                given_up[n] = fence.count;
                give_up(&late, areas[i].area, fence.count);
            }
        }
    }
}

static void a_fence_never_reads_what_was_not_asked(void **state) {
    (void) state;
    struct gw_late late = {0};
    struct gw_modbus_request fence;
    give_up(&late, GW_AREA_HOLDING_REGISTER, 1);
    struct gw_modbus_request one = read_of(GW_AREA_HOLDING_REGISTER, 6, 1),
                             two = read_of(GW_AREA_HOLDING_REGISTER, 6, 2);
    assert_false(gw_late_fence(&late, &one, &fence));
    assert_true(gw_late_fence(&late, &two, &fence)); /* known by its length already */
    assert_int_equal(fence.count, 2);
    give_up(&late, GW_AREA_HOLDING_REGISTER, 2);
    assert_false(gw_late_fence(&late, &two, &fence));
}

static void a_unit_that_was_deaf_to_a_fence_is_given_none_that_is_shorter(void **state) {
    (void) state;
    struct gw_late late = {.deaf_to_fences = GW_LATE_DEAF};
    struct gw_modbus_request fence, read = read_of(GW_AREA_HOLDING_REGISTER, 6, 4);
    give_up(&late, GW_AREA_HOLDING_REGISTER, 4);
    assert_false(gw_late_fence(&late, &read, &fence));
    read.count = 3;
    assert_true(gw_late_fence(&late, &read, &fence));
    assert_int_equal(fence.count, 3);
}

static void the_same_given_up_again_and_again_is_one_shape(void **state) {
    (void) state;
    struct gw_late late = {0};
    struct gw_modbus_request fence, read = read_of(GW_AREA_HOLDING_REGISTER, 6, 4);
    for (unsigned i = 0; i < 1000; i++) {
        give_up(&late, GW_AREA_HOLDING_REGISTER, 4);
    }
    assert_int_equal(late.count, 1);
    assert_true(gw_late_fence(&late, &read, &fence));
    assert_int_equal(fence.count, 3);
}

static void after_too_many_shapes_anything_may_come(void **state) {
    (void) state;
    struct gw_late late = {0};
    for (uint16_t i = 1; i <= GW_LATE_MAX; i++) {
        give_up(&late, GW_AREA_INPUT_REGISTER, i);
    }
    struct gw_frame_request coils = ask(GW_AREA_COIL, 0, 8);
    struct gw_modbus_request fence, read = read_of(GW_AREA_HOLDING_REGISTER, 6, 4);
    assert_false(gw_late_needs_fence(&late, &coils));
    assert_true(gw_late_fence(&late, &read, &fence));
    give_up(&late, GW_AREA_INPUT_REGISTER, GW_LATE_MAX + 1);
    assert_true(gw_late_needs_fence(&late, &coils));
    assert_false(gw_late_fence(&late, &read, &fence));
    gw_late_clear(&late);
    assert_false(gw_late_needs_fence(&late, &coils));
}

static size_t frame_bytes(const struct gw_late *late, const uint8_t *start, size_t len) {
    return gw_late_frame_bytes(late, (struct gw_bytes){start, len});
}

static void a_late_frame_is_known_by_its_start(void **state) {
    (void) state;
    struct gw_late late = {0};
    give_up(&late, GW_AREA_HOLDING_REGISTER, 4);
    give_up(&late, GW_AREA_HOLDING_REGISTER, 2);
    static const uint8_t four[] = {1, 3, 8}, two[] = {1, 3, 4}, three[] = {1, 3, 6},
                         exception[] = {1, 0x83, 2}, other[] = {1, 4, 8};
    assert_int_equal(frame_bytes(&late, four, 3), 1 + 1 + 1 + 8 + 2);
    assert_int_equal(frame_bytes(&late, two, 3), 1 + 1 + 1 + 4 + 2);
    assert_int_equal(frame_bytes(&late, three, 3), 0);
    assert_int_equal(frame_bytes(&late, exception, 3), 5);
    assert_int_equal(frame_bytes(&late, other, 3), 0);
    assert_true(frame_bytes(&late, two, 2) > 2);
    assert_int_equal(frame_bytes(&late, other, 2), 0);
    assert_true(frame_bytes(&late, two, 1) > 1);
    gw_late_clear(&late);
    assert_int_equal(frame_bytes(&late, two, 1), 0);
}

static void a_late_confirmation_is_known_too(void **state) {
    (void) state;
    static const uint16_t words[] = {5, 6};
    struct gw_frame_request request;
    struct gw_late late = {0};
    assert_int_equal(
        gw_frame_ask_write(
            &(struct gw_modbus_write){
                .unit_id = 1, .area = GW_AREA_HOLDING_REGISTER, .count = 2, .words = words},
            &request),
        GW_OK);
    gw_late_note(&late, &request);
    static const uint8_t start[] = {1, 16, 0, 0};
    assert_int_equal(frame_bytes(&late, start, 2), 8);
    assert_int_equal(frame_bytes(&late, start, 4), 8);
    assert_true(gw_late_needs_fence(&late, &request));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fence_is_needed_where_a_late_answer_or_exception_would_fit),
        cmocka_unit_test(no_late_answer_fits_the_fence),
        cmocka_unit_test(a_fence_never_reads_what_was_not_asked),
        cmocka_unit_test(a_unit_that_was_deaf_to_a_fence_is_given_none_that_is_shorter),
        cmocka_unit_test(the_same_given_up_again_and_again_is_one_shape),
        cmocka_unit_test(after_too_many_shapes_anything_may_come),
        cmocka_unit_test(a_late_frame_is_known_by_its_start),
        cmocka_unit_test(a_late_confirmation_is_known_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
