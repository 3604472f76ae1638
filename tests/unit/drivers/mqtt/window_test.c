/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state) {
    struct gw_window *window = calloc(1, sizeof *window);
    *state = window;
    return gw_window_open(window, 16) == GW_OK ? 0 : -1;
}

static int teardown(void **state) {
    gw_window_close(*state);
    free(*state);
    return 0;
}

static void an_empty_window_finds_nothing(void **state) {
    uint64_t value = 99;
    assert_false(gw_window_find(*state, 0, &value));
    assert_int_equal(value, 99);
}

static void the_newest_value_of_a_key_is_found(void **state) {
    struct gw_window *window = *state;
    gw_window_add(window, 7, 100);
    gw_window_add(window, 8, 200);
    gw_window_add(window, 7, 101);
    uint64_t value = 0;
    assert_true(gw_window_find(window, 7, &value));
    assert_int_equal(value, 101);
    assert_true(gw_window_find(window, 8, &value));
    assert_int_equal(value, 200);
}

static void the_oldest_pair_makes_room(void **state) {
    struct gw_window *window = *state;
    for (uint64_t key = 0; key < 17; key++) {
        gw_window_add(window, key, key + 1000);
    }
    uint64_t value = 0;
    assert_false(gw_window_find(window, 0, &value));
    for (uint64_t key = 1; key < 17; key++) {
        assert_true(gw_window_find(window, key, &value));
        assert_int_equal(value, key + 1000);
    }
}

static void a_rollback_brings_the_older_value_back(void **state) {
    struct gw_window *window = *state;
    gw_window_add(window, 1, 10);
    uint64_t mark = gw_window_position(window);
    gw_window_add(window, 1, 11);
    gw_window_add(window, 2, 20);
    gw_window_rollback(window, mark);
    uint64_t value = 0;
    assert_true(gw_window_find(window, 1, &value));
    assert_int_equal(value, 10);
    assert_false(gw_window_find(window, 2, &value));
}

static void it_answers_for_no_more_than_it_was_opened_for(void **state) {
    (void) state;
    struct gw_window window;
    uint64_t value = 0;
    assert_int_equal(gw_window_open(&window, 20), GW_OK); /* 32 slots */
    for (uint64_t key = 0; key < 21; key++) {
        gw_window_add(&window, key, key);
    }
    assert_false(gw_window_find(&window, 0, &value));
    assert_true(gw_window_find(&window, 1, &value));
    gw_window_close(&window);
}

static void skipped_positions_count(void **state) {
    struct gw_window *window = *state;
    uint64_t value = 0;
    gw_window_skip(window, 5);
    gw_window_add(window, 7, 70);
    gw_window_skip(window, 21);
    assert_true(gw_window_find(window, 7, &value));
    gw_window_skip(window, 3); /* never backwards */
    assert_int_equal(gw_window_position(window), 21);
    gw_window_skip(window, 22);
    assert_false(gw_window_find(window, 7, &value));
    gw_window_add(window, 7, 71);
    assert_true(gw_window_find(window, 7, &value));
    assert_int_equal(value, 71);
    gw_window_rollback(window, 22);
    assert_false(gw_window_find(window, 7, &value));
}

static void clear_forgets_everything(void **state) {
    struct gw_window *window = *state;
    gw_window_add(window, 1, 10);
    gw_window_clear(window);
    uint64_t value = 0;
    assert_false(gw_window_find(window, 1, &value));
    gw_window_add(window, 1, 12);
    assert_true(gw_window_find(window, 1, &value));
    assert_int_equal(value, 12);
}

/* The plain model: an array of everything added and not taken back. */
struct model {
    uint64_t keys[4096];
    uint64_t values[4096];
    size_t count;
};

static bool model_find(const struct model *model, size_t reach, uint64_t key, uint64_t *value) {
    for (size_t i = model->count; i > 0 && model->count - i < reach; i--) {
        if (model->keys[i - 1] == key) {
            *value = model->values[i - 1];
            return true;
        }
    }
    return false;
}

/* Whatever was rolled back has also cost the oldest pairs it had overwritten:
 * the window may then know less than the model, never something else. */
static void it_agrees_with_a_plain_list(void **state) {
    struct gw_window *window = *state;
    static struct model model;
    srand(4711);
    size_t lowest_lost = 0; /* pairs below this index were overwritten at some time */
    for (int step = 0; step < 3000; step++) {
        if (rand() % 10 == 0 && model.count > 0) {
            size_t back = (size_t) rand() % (model.count < 8 ? model.count : 8);
            if (model.count > 16 && model.count - 16 > lowest_lost) {
                lowest_lost = model.count - 16;
            }
            model.count -= back;
            lowest_lost = lowest_lost < model.count ? lowest_lost : model.count;
            gw_window_rollback(window, model.count);
        } else {
            model.keys[model.count] = (uint64_t) rand() % 12;
            model.values[model.count] = (uint64_t) step;
            gw_window_add(window, model.keys[model.count], model.values[model.count]);
            model.count++;
        }
        for (uint64_t key = 0; key < 12; key++) {
            uint64_t want = 0, got = 0;
            size_t reach = model.count > lowest_lost ? model.count - lowest_lost : 0;
            bool expected = model_find(&model, reach < 16 ? reach : 16, key, &want);
            bool found = gw_window_find(window, key, &got);
            assert_int_equal(found, expected);
            if (found) {
                assert_int_equal(got, want);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_window_finds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_newest_value_of_a_key_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_pair_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rollback_brings_the_older_value_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(it_answers_for_no_more_than_it_was_opened_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(skipped_positions_count, setup, teardown),
        cmocka_unit_test_setup_teardown(clear_forgets_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(it_agrees_with_a_plain_list, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
