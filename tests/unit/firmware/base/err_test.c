/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "firmware/base/err.h"

static void every_value_has_its_own_name(void **state) {
    (void) state;
    for (int a = 0; a < GW_ERR_COUNT_; a++) {
        const char *name = gw_err_name((enum gw_err) a);
        assert_non_null(name);
        assert_string_not_equal(name, "unknown");
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(name, gw_err_name((enum gw_err) b));
        }
    }
    assert_string_equal(gw_err_name(GW_OK), "ok");
    assert_string_equal(gw_err_name(GW_ERR_CORRUPT), "corrupt");
}

static void a_value_outside_the_enum_is_unknown(void **state) {
    (void) state;
    assert_string_equal(gw_err_name(GW_ERR_COUNT_), "unknown");
    assert_string_equal(gw_err_name((enum gw_err) 12345), "unknown");
}

static void errno_values_become_what_the_caller_should_do(void **state) {
    (void) state;
    assert_int_equal(gw_err_from_errno(0), GW_OK);
    assert_int_equal(gw_err_from_errno(EAGAIN), GW_ERR_RETRY);
    assert_int_equal(gw_err_from_errno(EINTR), GW_ERR_RETRY);
    assert_int_equal(gw_err_from_errno(ETIMEDOUT), GW_ERR_TIMEOUT);
    assert_int_equal(gw_err_from_errno(ECONNREFUSED), GW_ERR_NOCONN);
    assert_int_equal(gw_err_from_errno(ENOSPC), GW_ERR_FULL);
    assert_int_equal(gw_err_from_errno(EDQUOT), GW_ERR_FULL);
    assert_int_equal(gw_err_from_errno(EACCES), GW_ERR_DENIED);
    assert_int_equal(gw_err_from_errno(EROFS), GW_ERR_DENIED);
    assert_int_equal(gw_err_from_errno(ENOENT), GW_ERR_NOENT);
    assert_int_equal(gw_err_from_errno(EEXIST), GW_ERR_DUPLICATE);
    assert_int_equal(gw_err_from_errno(ENOMEM), GW_ERR_NOMEM);
    assert_int_equal(gw_err_from_errno(EIO), GW_ERR_IO);
    assert_int_equal(gw_err_from_errno(-1), GW_ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_its_own_name),
        cmocka_unit_test(a_value_outside_the_enum_is_unknown),
        cmocka_unit_test(errno_values_become_what_the_caller_should_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
