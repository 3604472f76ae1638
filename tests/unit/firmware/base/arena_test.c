/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "firmware/base/arena.h"

static void pieces_are_zeroed_and_aligned_wherever_the_storage_stands(void **state) {
    (void) state;
    _Alignas(max_align_t) uint8_t storage[256];
    for (size_t shift = 0; shift < _Alignof(max_align_t); shift++) {
        memset(storage, 0xee, sizeof(storage));
        struct gw_arena arena;
        gw_arena_init(&arena, storage + shift, sizeof(storage) - shift);
        for (int i = 0; i < 3; i++) {
            uint8_t *p = gw_arena_alloc(&arena, 5);
            assert_non_null(p);
            assert_int_equal((uintptr_t) p % _Alignof(max_align_t), 0);
            assert_memory_equal(p, "\0\0\0\0\0", 5);
            memset(p, 0xdd, 5);
        }
    }
}

static void a_full_arena_says_so_and_is_empty_again_after_a_reset(void **state) {
    (void) state;
    _Alignas(max_align_t) uint8_t storage[64];
    struct gw_arena arena;
    gw_arena_init(&arena, storage, sizeof(storage));
    assert_non_null(gw_arena_alloc(&arena, 60));
    assert_null(gw_arena_alloc(&arena, 1));
    assert_null(gw_arena_alloc(&arena, SIZE_MAX));
    gw_arena_reset(&arena);
    assert_null(gw_arena_alloc(&arena, 65));
    assert_ptr_equal(gw_arena_alloc(&arena, 64), storage);
    assert_null(gw_arena_alloc(&arena, 1));
}

static void copies_are_terminated_and_independent(void **state) {
    (void) state;
    _Alignas(max_align_t) uint8_t storage[32];
    struct gw_arena arena;
    gw_arena_init(&arena, storage, sizeof(storage));
    char text[] = "abc";
    struct gw_str copy = {0};
    assert_int_equal(gw_arena_copy_str(&arena, (struct gw_str){text, 3}, &copy), GW_OK);
    text[0] = 'x';
    assert_string_equal(copy.ptr, "abc");
    assert_int_equal(copy.len, 3);
    assert_int_equal(gw_arena_copy_str(&arena, (struct gw_str){NULL, 0}, &copy), GW_OK);
    assert_string_equal(copy.ptr, "");
    struct gw_str before = copy;
    assert_int_equal(gw_arena_copy_str(&arena, GW_STR("x"), &copy), GW_ERR_FULL);
    assert_ptr_equal(copy.ptr, before.ptr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_and_aligned_wherever_the_storage_stands),
        cmocka_unit_test(a_full_arena_says_so_and_is_empty_again_after_a_reset),
        cmocka_unit_test(copies_are_terminated_and_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
