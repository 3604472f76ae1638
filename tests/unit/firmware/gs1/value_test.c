/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked within values, one row a case. */
#include "tests/unit/firmware/gs1/gs1_rig.h"

#include <string.h>

#include "firmware/gs1/check.h"

struct value_case {
    const char *ai;
    const char *value;
    const char *reason;
};

static void run(const struct value_case *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t number;
        struct gw_gs1_finding why = {.reason = GW_GS1_VALID};
        const struct gw_gs1_ai *ai = gw_gs1_ai_named(gw_str_from_cstr(rows[i].ai), &number);
        assert_non_null(ai);
        bool good = gw_gs1_check_value(ai, gw_str_from_cstr(rows[i].value), &why);
        if (strcmp(gw_gs1_reason_name(why.reason), rows[i].reason) != 0) {
            fail_msg("(%s)%s: %s, not %s", rows[i].ai, rows[i].value,
                     gw_gs1_reason_name(why.reason), rows[i].reason);
        }
        assert_int_equal(good, why.reason == GW_GS1_VALID);
    }
}

#define RUN(rows) run(rows, sizeof(rows) / sizeof((rows)[0]))

static void check_digits_of_all_keys_are_checked(void **state) {
    (void) state;
    static const struct value_case rows[] = {
        {"00", "106141411234567897", "valid"},
        {"00", "106141411234567890", "check_digit"},
        {"00", "000000000000000000", "valid"},
        {"01", "09521234543213", "valid"},
        {"01", "09521234543212", "check_digit"},
        {"01", "00000040123455", "valid"},
        {"02", "09521234543213", "valid"},
        {"02", "90521234543213", "check_digit"},
        {"03", "09521234543213", "valid"},
        {"03", "09521234543210", "check_digit"},
        {"253", "9521321123458", "valid"},
        {"253", "9521321123458ABC", "valid"},
        {"253", "9521321123457ABC", "check_digit"},
        {"255", "9521321123458", "valid"},
        {"255", "9521321123458123456789012", "valid"},
        {"255", "9521321123455", "check_digit"},
        {"402", "95213211234567891", "check_digit"},
        {"402", "95213211234567896", "valid"},
        {"410", "9521321123458", "valid"},
        {"411", "9521321123455", "check_digit"},
        {"412", "9521321123458", "valid"},
        {"413", "9521321123456", "check_digit"},
        {"414", "9521321123458", "valid"},
        {"415", "9521321123457", "check_digit"},
        {"416", "9521321123458", "valid"},
        {"417", "9521321123459", "check_digit"},
        {"8003", "09521321123458", "valid"},
        {"8003", "09521321123458SERIAL/1", "valid"},
        {"8003", "09521321123455SERIAL/1", "check_digit"},
        {"8003", "19521321123458", "bad_value"},
        {"8006", "095212345432130103", "valid"},
        {"8006", "095212345432140103", "check_digit"},
        {"8017", "952132112345678902", "valid"},
        {"8018", "952132112345678909", "check_digit"},
        {"8026", "095212345432130103", "valid"},
        /* The example of the General Specifications for a Global Model Number. */
        {"8013", "1987654Ad4X4bL5ttr2310c2K", "valid"},
        {"8013", "1987654Ad4X4bL5ttr2310c2L", "check_pair"},
        {"8013", "1987654Ad4X4bL5ttr2310cK2", "check_pair"},
        {"8013", "1", "check_pair"},
        {"8014", "1987654Ad4X4bL5ttr2310c2K", "valid"},
    };
    RUN(rows);
}

static void company_prefixes_are_digits(void **state) {
    (void) state;
    static const struct value_case rows[] = {
        {"8004", "9521ABC", "valid"},       {"8004", "952", "bad_value"},
        {"8004", "952A1", "bad_value"},     {"401", "9521ORDER", "valid"},
        {"401", "A9521ORDER", "bad_value"}, {"8010", "9521#-/A", "valid"},
        {"8010", "95", "bad_value"},        {"7023", "9521X", "valid"},
        {"7023", "95X1", "bad_value"},
    };
    RUN(rows);
}

static void dates_and_times_are_those_of_the_calendar(void **state) {
    (void) state;
    static const struct value_case rows[] = {
        {"11", "251231", "valid"},          {"11", "251200", "valid"},
        {"11", "251300", "bad_date"},       {"11", "250001", "bad_date"},
        {"11", "250000", "bad_date"},       {"12", "250229", "bad_date"},
        {"13", "240229", "valid"},          {"15", "000229", "valid"},
        {"16", "250431", "bad_date"},       {"17", "250430", "valid"},
        {"17", "2504X0", "bad_character"},  {"7006", "251200", "bad_date"},
        {"7006", "251201", "valid"},        {"4326", "251200", "bad_date"},
        {"4324", "2512000000", "valid"},    {"4324", "2512312359", "valid"},
        {"4324", "2512312400", "bad_date"}, {"4325", "2512312360", "bad_date"},
        {"7003", "2512312359", "valid"},    {"7003", "2512002359", "bad_date"},
        {"7007", "251231", "valid"},        {"7007", "251231260132", "bad_date"},
        {"7011", "2512311200", "valid"},    {"7011", "2512311260", "bad_date"},
        {"7250", "19000228", "valid"},      {"7250", "19000229", "bad_date"},
        {"7250", "20000229", "valid"},      {"7250", "20001301", "bad_date"},
        {"7251", "200002292359", "valid"},  {"7251", "200002292459", "bad_date"},
        {"8008", "25123112", "valid"},      {"8008", "25123124", "bad_date"},
        {"8008", "2512311259", "valid"},    {"8008", "2512311260", "bad_date"},
        {"8008", "251231125959", "valid"},  {"8008", "251231125960", "bad_date"},
        {"8008", "2512311", "too_short"},
    };
    RUN(rows);
}

static void countries_and_currencies_are_those_of_the_lists(void **state) {
    (void) state;
    static const struct value_case rows[] = {
        {"421", "276D-10115123", "too_long"},
        {"421", "27610115", "valid"},
        {"421", "27510115", "valid"},
        {"421", "27310115", "bad_value"},
        {"421", "276", "too_short"},
        {"422", "004", "valid"},
        {"422", "000", "bad_value"},
        {"422", "999", "bad_value"},
        {"422", "894", "valid"},
        {"423", "276250", "valid"},
        {"423", "276250251", "bad_value"},
        {"423", "276250724724724", "valid"},
        {"423", "27625", "too_short"},
        {"425", "276250724724724724", "too_long"},
        {"7030", "276ABC", "valid"},
        {"7030", "999ABC", "valid"},
        {"7030", "998ABC", "bad_value"},
        {"7030", "276", "too_short"},
        {"4307", "DE", "valid"},
        {"4307", "XX", "bad_value"},
        {"4307", "de", "bad_value"},
        {"4317", "D", "too_short"},
        {"3912", "978123", "valid"},
        {"3912", "924123", "valid"},
        {"3912", "191123", "bad_value"},
        {"3932", "999123", "valid"},
        {"3932", "000123", "bad_value"},
    };
    RUN(rows);
}

static const struct value_case other_rules[] = {
    /* The example of ISO 13616. */
    {"8007", "DE89370400440532013000", "valid"},
    {"8007", "DE88370400440532013000", "bad_value"},
    {"8007", "XX89370400440532013000", "bad_value"},
    {"8007", "de89370400440532013000", "bad_value"},
    {"8007", "DE89-370400440532013000", "bad_value"},
    {"8007", "DE89", "bad_value"},
    {"4321", "0", "valid"},
    {"4321", "1", "valid"},
    {"4321", "2", "bad_value"},
    {"4330", "001000", "valid"},
    {"4330", "001000-", "valid"},
    {"4330", "001000+", "bad_value"},
    {"4309", "18000000003600000000", "valid"},
    {"4309", "18000000013600000000", "bad_value"},
    {"4309", "18000000003600000001", "bad_value"},
    {"4309", "9999999999", "too_short"},
    {"4300", "Stra%C3%9Fe", "valid"},
    {"4300", "100%", "bad_value"},
    {"4300", "100%4", "bad_value"},
    {"4300", "100%4G", "bad_value"},
    {"4300", "%41", "valid"},
    {"7040", "1ABc", "valid"},
    {"7040", "1AB_", "valid"},
    {"7040", "1AB=", "bad_value"},
    {"7040", "1AB/", "bad_value"},
    {"7041", "PX", "valid"},
    {"7041", "8", "valid"},
    {"7041", "200", "valid"},
    {"7041", "ZZ", "valid"},
    {"7041", "1A", "valid"},
    {"7041", "P", "bad_value"},
    {"7041", "px", "bad_value"},
    {"7041", "00", "bad_value"},
    {"7041", "PXX", "bad_value"},
    {"7041", "X 3", "bad_character"},
    {"7241", "01", "valid"},
    {"7241", "10", "valid"},
    {"7241", "80", "valid"},
    {"7241", "99", "valid"},
    {"7241", "00", "bad_value"},
    {"7241", "11", "bad_value"},
    {"7241", "79", "bad_value"},
    {"7252", "9", "valid"},
    {"7252", "3", "bad_value"},
    {"7258", "1/3", "valid"},
    {"7258", "3/3", "valid"},
    {"7258", "4/3", "bad_value"},
    {"7258", "0/3", "bad_value"},
    {"7258", "/33", "bad_value"},
    {"7258", "33/", "bad_value"},
    {"7258", "1-3", "bad_value"},
    {"7258", "123", "bad_value"},
    {"8001", "00010000100110", "valid"},
    {"8001", "00000000100110", "bad_value"},
    {"8001", "00010000000110", "bad_value"},
    {"8001", "00010000100090", "bad_value"},
    {"8001", "00010000100120", "bad_value"},
    {"8001", "00010000100190", "valid"},
    {"8006", "095212345432130000", "bad_value"},
    {"8006", "095212345432130001", "bad_value"},
    {"8006", "095212345432130100", "bad_value"},
    {"8006", "095212345432130201", "bad_value"},
    {"8006", "095212345432130202", "valid"},
    {"8011", "1", "valid"},
    {"8011", "01", "bad_value"},
    {"8014", "22", "bad_value"},
    {"8030", "AZaz09-_", "valid"},
    {"8030", "AZaz09-_==", "valid"},
    {"8030", "AZaz09-_===", "bad_character"},
    {"8030", "AZ=az", "bad_character"},
    {"8030", "AZ+az", "bad_character"},
    {"8112",
     "00123456123456"
     "0123456",
     "valid"},
    {"8112",
     "16123456123456"
     "123456"
     "9123456789012345",
     "valid"},
    {"8112",
     "2"
     "0123456123456"
     "0123456",
     "bad_value"},
    {"8112",
     "07123456123456"
     "0123456",
     "bad_value"},
    {"8112",
     "00123456123456"
     "012345",
     "bad_value"},
    {"8112",
     "00123456123456"
     "01234567",
     "bad_value"},
    {"8112", "0", "bad_value"},
    {"8112", "00123456123456", "bad_value"},
    {"8112",
     "0012345612345X"
     "0123456",
     "bad_value"},
    /* The example of the coupon guideline, then with each further group of fields. */
    {"8110", "106141416543213150110120", "valid"},
    {"8110", "10614141654321315011012", "bad_value"},
    {"8110", "1061414165432131501101201", "bad_value"},
    {"8110", "706141416543213150110120", "bad_value"},
    {"8110", "106141416543216150110120", "bad_value"},
    {"8110", "106141416543213150115120", "bad_value"},
    {"8110",
     "106141416543213150110120"
     "101101209",
     "valid"},
    {"8110",
     "106141416543213150110120"
     "1011012001234561",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "141101209",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "21101209",
     "valid"},
    {"8110",
     "106141416543213150110120"
     "3251231",
     "valid"},
    {"8110",
     "106141416543213150110120"
     "3251331",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "32512",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "4251231",
     "valid"},
    {"8110",
     "106141416543213150110120"
     "3251231"
     "4251231",
     "valid"},
    {"8110",
     "106141416543213150110120"
     "3251230"
     "4251231",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "4251231"
     "3251231",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "50123456",
     "valid"},
    {"8110",
     "106141416543213150110120"
     "6112345678",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "611234567",
     "valid"},
    {"8110",
     "106141416543213150110120"
     "90001",
     "valid"},
    {"8110",
     "106141416543213150110120"
     "93001",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "90301",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "90002",
     "bad_value"},
    {"8110",
     "106141416543213150110120"
     "7",
     "bad_value"},
    {"8110", "10614141654321315011012X", "bad_value"},
    {"8110", "1", "bad_value"},
    /* Not looked into. */
    {"8040", "123456789012345", "valid"},
    {"8043", "123456789012345678", "valid"},
    {"8043", "12345678901234567890", "valid"},
    {"7240", "ABC", "valid"},
    {"90", "X", "valid"},
    {"99", "", "too_short"},
};

static void other_rules_within_values_are_kept(void **state) {
    (void) state;
    RUN(other_rules);
}

/* Any one digit changed makes a check digit wrong: its weights are 1 and 3. */
static void the_check_digit_finds_every_changed_digit(void **state) {
    (void) state;
    char key[] = "106141411234567897";
    struct gw_str text = gw_str_from_cstr(key);
    for (size_t i = 0; i < text.len; i++) {
        char right = key[i];
        for (char c = '0'; c <= '9'; c++) {
            key[i] = c;
            assert_int_equal(gw_gs1_check_passes(GW_GS1_CHECK_MOD_10, text), c == right);
        }
        key[i] = right;
    }
}

/* General Specifications, 7.9.5: the pair finds every changed character and every
 * two neighbours in the wrong order. */
static void the_check_pair_finds_changes_and_exchanges(void **state) {
    (void) state;
    char key[] = "1987654Ad4X4bL5ttr2310c2K";
    struct gw_str text = gw_str_from_cstr(key);
    for (size_t i = 0; i + 2 < text.len; i++) {
        char right = key[i];
        for (char c = '!'; c <= 'z'; c++) {
            key[i] = c;
            bool in_set = gw_gs1_span(GW_GS1_SET_X, (struct gw_str){&c, 1}) == 1;
            assert_true(!in_set
                        || gw_gs1_check_passes(GW_GS1_CHECK_MOD_1021, text) == (c == right));
        }
        key[i] = key[i + 1];
        key[i + 1] = right;
        if (i + 3 < text.len && key[i] != right) {
            assert_false(gw_gs1_check_passes(GW_GS1_CHECK_MOD_1021, text));
        }
        key[i + 1] = key[i];
        key[i] = right;
    }
    assert_true(gw_gs1_check_passes(GW_GS1_CHECK_MOD_1021, text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_digits_of_all_keys_are_checked),
        cmocka_unit_test(company_prefixes_are_digits),
        cmocka_unit_test(dates_and_times_are_those_of_the_calendar),
        cmocka_unit_test(countries_and_currencies_are_those_of_the_lists),
        cmocka_unit_test(other_rules_within_values_are_kept),
        cmocka_unit_test(the_check_digit_finds_every_changed_digit),
        cmocka_unit_test(the_check_pair_finds_changes_and_exchanges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
