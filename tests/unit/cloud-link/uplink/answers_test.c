/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the answer table, seen from outside: what is sent next, where the
 * cursor stands, which issue is raised. */
#include "tests/unit/cloud-link/uplink/rig.h"

#define FOREIGN_ID                                                                             \
    "{\"contract\":1,\"epoch\":\"111223344556677ff\",\"class\":\"business\",\"last\":10,"      \
    "\"results\":[{\"id\":\"00000000-0000-8000-8000-000000000000\",\"status\":\"accepted\"}]}"
#define RESULTS_ARE_NO_LIST                                                                    \
    "{\"contract\":1,\"epoch\":\"111223344556677ff\",\"class\":\"business\",\"last\":10,"      \
    "\"results\":{}}"

static int open_with_batch(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    rig_open(rig);
    set_head(rig, GW_CLASS_BUSINESS, 10);
    *state = rig;
    return 0;
}

static int close_it(void **state) {
    rig_close(*state);
    free(*state);
    return 0;
}

static void a_request_carries_the_headers_of_the_contract(void **state) {
    struct rig *rig = *state;
    pending_is(rig, 0, "business", 1, 10);
    assert_string_equal(rig->transport.pending[0].url, "https://centre.example/base/v1/events");
    assert_string_equal(header(rig, 0, "Content-Type"), "application/cloudevents-batch+json");
    assert_string_equal(header(rig, 0, "Gangway-Contract"), "1");
    assert_string_equal(header(rig, 0, "Gangway-Gateway"), "GW-TEST-1");
    assert_string_equal(header(rig, 0, "Gangway-Epoch"), "111223344556677ff");
    assert_string_equal(header(rig, 0, "Gangway-Heads"),
                        "business=10,state=0,telemetry=0,audit=0");
    assert_string_equal(header(rig, 0, "Gangway-Replay"), "");
    assert_string_equal(header(rig, 0, "Authorization"), "");
    const char *key = header(rig, 0, "Idempotency-Key");
    const char prefix[] = "GW-TEST-1-111223344556677ff-business-1-10-";
    assert_int_equal(strncmp(key, prefix, sizeof(prefix) - 1), 0);
    assert_int_equal(strlen(key), sizeof(prefix) - 1 + 16);
    assert_true(body_holds(rig, 0, "\"sequence\":\"00000000000000000010\""));
}

static void the_echo_accepts_the_whole_batch(void **state) {
    struct rig *rig = *state;
    accept(rig, 0);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
    nothing_pending(rig);
    assert_non_null(strstr(status_text(rig), "\"state\":\"up\""));
}

static void half_an_answer_or_a_wrong_echo_acknowledges_nothing(void **state) {
    struct rig *rig = *state;
    static const char *const bodies[] = {
        "{\"contract\":1,\"epoch\":\"111223344556677ff\",\"class\":\"business\",\"last\":9}",
        "{\"contract\":1,\"epoch\":\"011223344556677ff\",\"class\":\"business\",\"last\":10}",
        "{\"contract\":1,\"epoch\":\"111223344556677ff\",\"class\":\"state\",\"last\":10}",
        "{\"contract\":2,\"epoch\":\"111223344556677ff\",\"class\":\"business\",\"last\":10}",
        "{\"contract\":1,\"epoch\":\"111223344556677ff\",\"class\":\"business\",\"last\":10",
        "{\"epoch\":\"111223344556677ff\",\"class\":\"business\",\"last\":10}",
        FOREIGN_ID,
        RESULTS_ARE_NO_LIST,
        "",
        "[]",
    };
    for (size_t i = 0; i < GW_ARRAY_LEN(bodies); i++) {
        rig_wait_for_request(rig, 130000);
        pending_is(rig, 0, "business", 1, 10);
        answer_with(rig, 0, 200, "application/json", bodies[i]);
        assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
        assert_true(is_raised(rig, GW_ISSUE_UPLINK_BAD_ANSWER));
        nothing_pending(rig);
    }
    rig_wait_for_request(rig, 130000);
    accept(rig, 0);
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_BAD_ANSWER));
}

static void the_right_echo_with_the_wrong_content_type_is_no_acknowledgement(void **state) {
    struct rig *rig = *state;
    answer_with(rig, 0, 200, "text/html",
                "{\"contract\":1,\"epoch\":\"111223344556677ff\",\"class\":\"business\","
                "\"last\":10}");
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
    assert_true(is_raised(rig, GW_ISSUE_UPLINK_BAD_ANSWER));
}

static void a_bare_2xx_and_a_redirect_are_no_acknowledgement(void **state) {
    struct rig *rig = *state;
    static const unsigned statuses[] = {200, 201, 202, 204, 301, 302, 304};
    for (size_t i = 0; i < GW_ARRAY_LEN(statuses); i++) {
        rig_wait_for_request(rig, 130000);
        answer_with(rig, 0, statuses[i], "text/html", "<html>welcome</html>");
        assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
        assert_true(is_raised(rig, GW_ISSUE_UPLINK_BAD_ANSWER));
    }
}

static void a_bare_2xx_counts_for_a_sink_that_acknowledges_by_status(void **state) {
    struct rig *rig = *state;
    gw_uplink_close(rig->uplink);
    rig->options.ack_mode = GW_ACK_STATUS;
    rig_open_uplink(rig);
    rig_look(rig);
    answer_with(rig, 0, 204, "", "");
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
}

static void results_for_every_id_need_no_echo(void **state) {
    struct rig *rig = *state;
    char body[4096] = "{\"contract\":1,\"results\":[";
    for (uint64_t i = 1; i <= 10; i++) {
        size_t len = strlen(body);
        (void) snprintf(body + len, sizeof(body) - len, "%s%s", i > 1 ? "," : "",
                        result(rig, GW_CLASS_BUSINESS, i, i == 3 ? "duplicate" : "accepted"));
    }
    size_t len = strlen(body);
    (void) snprintf(body + len, sizeof(body) - len, "]}");
    answer_with(rig, 0, 200, "application/json", body);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
}

static void results_for_some_ids_without_the_echo_acknowledge_nothing(void **state) {
    struct rig *rig = *state;
    char body[512];
    (void) snprintf(body, sizeof(body), "{\"contract\":1,\"results\":[%s]}",
                    result(rig, GW_CLASS_BUSINESS, 1, "accepted"));
    answer_with(rig, 0, 200, "application/json", body);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
}

static void rejected_becomes_a_dead_letter_with_its_code(void **state) {
    struct rig *rig = *state;
    struct gw_letter letter;
    char more[512];
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(rig, GW_CLASS_BUSINESS, 4, "rejected"));
    answer_contract(rig, 0, 200, more);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
    assert_int_equal(find_letter(rig, 4, &letter), GW_OK);
    assert_int_equal(letter.verdict, GW_LETTER_REJECTED);
    assert_false(letter.is_tombstone);
    assert_true(gw_str_eq(letter.code, GW_STR("c")));
    assert_true(gw_str_eq(letter.detail, GW_STR("d")));
    assert_true(gw_str_eq(letter.type, GW_STR("io.gangway.scan.observed.v1")));
    assert_true(gw_str_ends_with(letter.event, GW_STR("\"data\":{\"raw\":\"code 4 0\"}}")));
    assert_true(is_raised(rig, GW_ISSUE_DEAD_LETTERS));
    assert_int_equal(find_letter(rig, 5, &letter), GW_ERR_NOENT);
    nothing_pending(rig);
}

static void conflict_is_kept_and_raised_and_never_a_success(void **state) {
    struct rig *rig = *state;
    struct gw_letter letter;
    char more[512];
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(rig, GW_CLASS_BUSINESS, 10, "conflict"));
    answer_contract(rig, 0, 200, more);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
    assert_int_equal(find_letter(rig, 10, &letter), GW_OK);
    assert_int_equal(letter.verdict, GW_LETTER_CONFLICT);
    assert_true(is_raised(rig, GW_ISSUE_UPLINK_CONFLICT));
    assert_non_null(strstr(status_text(rig), "\"accepted\":9"));
}

static void retry_leaves_the_cursor_at_the_prefix_and_resends_the_rest(void **state) {
    struct rig *rig = *state;
    struct gw_letter letter;
    char more[1024];
    (void) snprintf(more, sizeof(more), ",\"results\":[%s,%s]",
                    result(rig, GW_CLASS_BUSINESS, 7, "rejected"),
                    result(rig, GW_CLASS_BUSINESS, 4, "retry"));
    answer_contract(rig, 0, 200, more);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 3);
    /* what stands behind the retry is decided when it is answered again */
    assert_int_equal(find_letter(rig, 7, &letter), GW_ERR_NOENT);
    nothing_pending(rig);
    rig_wait_for_request(rig, 2000);
    pending_is(rig, 0, "business", 4, 10);
    accept(rig, 0);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
}

static void an_unknown_word_is_a_retry(void **state) {
    struct rig *rig = *state;
    char more[512];
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(rig, GW_CLASS_BUSINESS, 1, "perhaps"));
    answer_contract(rig, 0, 200, more);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
}

static void an_id_named_twice_makes_the_answer_worthless(void **state) {
    struct rig *rig = *state;
    char more[1024];
    (void) snprintf(more, sizeof(more), ",\"results\":[%s,%s]",
                    result(rig, GW_CLASS_BUSINESS, 1, "accepted"),
                    result(rig, GW_CLASS_BUSINESS, 1, "rejected"));
    answer_contract(rig, 0, 200, more);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
    assert_true(is_raised(rig, GW_ISSUE_UPLINK_BAD_ANSWER));
}

static void already_stored_with_the_echo_is_success(void **state) {
    struct rig *rig = *state;
    answer_contract(rig, 0, 409, ",\"code\":\"already_stored\"");
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
}

static void already_stored_may_come_as_a_problem_document(void **state) {
    struct rig *rig = *state;
    answer_with(rig, 0, 409, "application/problem+json",
                "{\"type\":\"urn:gangway:problem:already_stored\",\"code\":\"already_stored\","
                "\"epoch\":\"111223344556677ff\",\"class\":\"business\",\"last\":10}");
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
}

static void any_other_409_is_tried_again(void **state) {
    struct rig *rig = *state;
    answer_problem(rig, 0, 409, "already_stored"); /* without the echo */
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
    rig_wait_for_request(rig, 2000);
    answer_contract(rig, 0, 409, ",\"code\":\"in_use\"");
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
    rig_wait_for_request(rig, 5000);
    pending_is(rig, 0, "business", 1, 10);
}

static void a_400_that_is_not_ours_is_a_configuration_fault(void **state) {
    struct rig *rig = *state;
    struct gw_letter letter;
    answer_with(rig, 0, 400, "text/html", "<html>400 The SSL certificate error</html>");
    assert_true(is_raised(rig, GW_ISSUE_UPLINK_CONFIG));
    assert_non_null(strstr(status_text(rig), "\"state\":\"stopped\""));
    rig_advance(rig, 59000);
    nothing_pending(rig);
    rig_wait_for_request(rig, 600000);
    pending_is(rig, 0, "business", 1, 10); /* not bisected */
    accept(rig, 0);
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_CONFIG));
    assert_int_equal(find_letter(rig, 1, &letter), GW_ERR_NOENT);
}

static void a_422_without_our_problem_type_is_a_configuration_fault(void **state) {
    struct rig *rig = *state;
    answer_with(rig, 0, 422, "application/problem+json",
                "{\"type\":\"about:blank\",\"status\":422}");
    assert_true(is_raised(rig, GW_ISSUE_UPLINK_CONFIG));
    nothing_pending(rig);
}

static void statuses_that_refuse_the_gateway_stop_the_sink(void **state) {
    struct rig *rig = *state;
    static const unsigned statuses[] = {401, 403, 404, 405, 410, 415};
    for (size_t i = 0; i < GW_ARRAY_LEN(statuses); i++) {
        pending_is(rig, 0, "business", 1, 10);
        answer_problem(rig, 0, statuses[i], "wrong_serial");
        assert_true(is_raised(rig, GW_ISSUE_UPLINK_STOPPED));
        assert_non_null(strstr(status_text(rig), "wrong_serial"));
        rig_advance(rig, 59000);
        nothing_pending(rig);
        rig_wait_for_request(rig, 600000);
        gw_uplink_close(rig->uplink); /* fresh for the next status */
        rig_open_uplink(rig);
        rig_look(rig);
    }
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 0);
}

static void a_413_halves_the_batch_at_once_and_is_remembered(void **state) {
    struct rig *rig = *state;
    answer_problem(rig, 0, 413, "too_large");
    pending_is(rig, 0, "business", 1, 5);
    accept(rig, 0);
    pending_is(rig, 0, "business", 6, 10);
    accept(rig, 0);
    set_head(rig, GW_CLASS_BUSINESS, 100);
    assert_int_equal(header_number(rig, 0, "Gangway-First"), 11);
    assert_true(header_number(rig, 0, "Gangway-Last") <= 15);
}

static void a_413_on_one_event_is_a_configuration_fault(void **state) {
    struct rig *rig = *state;
    struct gw_letter letter;
    for (int i = 0; i < 4; i++) {
        answer_problem(rig, 0, 413, "too_large");
    }
    nothing_pending(rig);
    assert_true(is_raised(rig, GW_ISSUE_UPLINK_CONFIG));
    assert_int_equal(find_letter(rig, 1, &letter), GW_ERR_NOENT);
}

static void large_events(struct rig *rig, uint64_t first, uint64_t last) {
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        gw_fake_queue_add_spot(&rig->queue, GW_FAKE_LARGE, GW_CLASS_BUSINESS, sequence, 50000);
    }
}

static void a_413_for_large_events_does_not_make_small_ones_drip(void **state) {
    struct rig *rig = *state;
    accept(rig, 0);
    large_events(rig, 11, 13);
    set_head(rig, GW_CLASS_BUSINESS, 13);
    answer_problem(rig, 0, 413, "too_large");
    pending_is(rig, 0, "business", 11, 11);
    accept_all(rig);
    set_head(rig, GW_CLASS_BUSINESS, 73);
    pending_is(rig, 0, "business", 14, 73);
}

/* Index of the pending request of `class`. */
static size_t request_of(struct rig *rig, const char *class) {
    size_t index = 0;
    assert_int_equal(rig->transport.pending_count, 2);
    while (strcmp(header(rig, index, "Gangway-Class"), class) != 0) {
        index++;
    }
    return index;
}

static void a_late_413_for_an_older_batch_raises_no_cap(void **state) {
    struct rig *rig = *state;
    accept(rig, 0);
    gw_fake_queue_set_head(&rig->queue, GW_CLASS_STATE, 5000);
    set_head(rig, GW_CLASS_BUSINESS, 5000);
    rig_advance(rig, 10000); /* both on their way */
    for (int i = 0; i < 3; i++) {
        answer_problem(rig, request_of(rig, "state"), 413, "too_large");
        rig_advance(rig, 10000);
    }
    size_t small = rig->transport.pending[request_of(rig, "state")].body_len;
    size_t large = rig->transport.pending[request_of(rig, "business")].body_len;
    assert_true(large > 7 * small);
    answer_problem(rig, request_of(rig, "business"), 413, "too_large"); /* the old one */
    rig_advance(rig, 10000);
    large = rig->transport.pending[request_of(rig, "business")].body_len;
    assert_true(large < small + small / 4);
}

/* Accept until a batch is larger than `bytes`; how many it took. */
static unsigned accept_until_larger(struct rig *rig, size_t bytes) {
    unsigned count = 0;
    while (rig->transport.pending[0].body_len <= bytes && count < 1000) {
        accept(rig, 0);
        assert_int_equal(rig->transport.pending_count, 1);
        count++;
    }
    return count;
}

static void a_cap_is_lifted_when_many_batches_that_filled_it_were_taken(void **state) {
    struct rig *rig = *state;
    accept(rig, 0);
    set_head(rig, GW_CLASS_BUSINESS, 1000000);
    size_t whole = rig->transport.pending[0].body_len;
    answer_problem(rig, 0, 413, "too_large");
    assert_int_equal(accept_until_larger(rig, whole / 2 + 2), 64);
    answer_problem(rig, 0, 413, "too_large"); /* it was no good: not before 64 more */
    assert_int_equal(accept_until_larger(rig, whole / 2 + 2), 64);
}

static void a_413_for_a_letter_alone_closes_it_and_keeps_the_reason(void **state) {
    struct rig *rig = *state;
    struct gw_letter letter;
    char more[512];
    (void) snprintf(more, sizeof(more), ",\"results\":[%s]",
                    result(rig, GW_CLASS_BUSINESS, 2, "rejected"));
    answer_contract(rig, 0, 200, more);
    struct gw_letter_key key = own_key(rig, GW_CLASS_BUSINESS, 2);
    assert_int_equal(gw_uplink_letter_retry(rig->uplink, &key), GW_OK);
    gw_uplink_tick(rig->uplink);
    answer_with(rig, 0, 413, "text/html", "<html>413</html>");
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_CONFIG));
    assert_int_equal(find_letter(rig, 2, &letter), GW_OK);
    assert_false(letter.retry_due);
    assert_true(gw_str_eq(letter.code, GW_STR("too_large")));
    set_head(rig, GW_CLASS_BUSINESS, 11);
    pending_is(rig, 0, "business", 11, 11); /* nothing stopped */
}

static void a_413_for_a_replayed_event_alone_leaves_it_out_and_says_so(void **state) {
    struct rig *rig = *state;
    uint64_t events = 0;
    accept(rig, 0);
    assert_int_equal(gw_uplink_replay(rig->uplink, GW_CLASS_BUSINESS, 3, 4, &events), GW_OK);
    gw_uplink_tick(rig->uplink);
    answer_problem(rig, 0, 413, "too_large");
    pending_is(rig, 0, "business", 3, 3);
    answer_problem(rig, 0, 413, "too_large");
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_CONFIG));
    rig_wait_for_request(rig, 5000);
    pending_is(rig, 0, "business", 4, 4);
    accept(rig, 0);
    nothing_pending(rig);
    assert_non_null(strstr(status_text(rig), "\"replay_left_out\":1,\"replay_refusal\":"
                                             "\"3: too large for the centre"));
}

static void transient_statuses_are_tried_again_for_ever(void **state) {
    struct rig *rig = *state;
    static const unsigned statuses[] = {408, 425, 429, 500, 502, 503, 504, 507};
    for (size_t i = 0; i < 5 * GW_ARRAY_LEN(statuses); i++) {
        rig_wait_for_request(rig, 130000);
        pending_is(rig, 0, "business", 1, 10);
        answer_with(rig, 0, statuses[i % GW_ARRAY_LEN(statuses)], "text/plain", "no");
        nothing_pending(rig);
    }
    assert_true(is_raised(rig, GW_ISSUE_UPLINK_UNREACHABLE));
    rig_wait_for_request(rig, 130000);
    accept(rig, 0);
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_UNREACHABLE));
}

static void retry_after_is_obeyed(void **state) {
    struct rig *rig = *state;
    struct gw_http_answer answer = {
        .fault = GW_HTTP_ANSWERED, .text = "", .status = 429, .retry_after = GW_STR("40")};
    gw_fake_transport_answer(&rig->transport, 0, &answer);
    gw_uplink_tick(rig->uplink);
    rig_advance(rig, 39999);
    nothing_pending(rig);
    rig_advance(rig, 2001);
    pending_is(rig, 0, "business", 1, 10);
}

static void no_answer_is_tried_again_and_complained_of_the_second_time(void **state) {
    struct rig *rig = *state;
    answer_fault(rig, 0, GW_HTTP_UNREACHABLE, "connection refused");
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_UNREACHABLE));
    assert_non_null(strstr(status_text(rig), "unreachable: connection refused"));
    rig_wait_for_request(rig, 2000);
    answer_fault(rig, 0, GW_HTTP_TIMED_OUT, "time-out");
    assert_true(is_raised(rig, GW_ISSUE_UPLINK_UNREACHABLE));
    rig_wait_for_request(rig, 5000);
    accept(rig, 0);
    assert_false(is_raised(rig, GW_ISSUE_UPLINK_UNREACHABLE));
    assert_int_equal(acked(rig, GW_CLASS_BUSINESS), 10);
}

static void certificate_faults_raise_the_tls_issue_with_the_reason(void **state) {
    struct rig *rig = *state;
    static const enum gw_http_fault faults[] = {GW_HTTP_PEER_CERTIFICATE,
                                                GW_HTTP_OWN_CERTIFICATE, GW_HTTP_TLS};
    for (size_t i = 0; i < GW_ARRAY_LEN(faults); i++) {
        rig_wait_for_request(rig, 130000);
        answer_fault(rig, 0, faults[i], "certificate has no subjectAltName, only CN=x");
        assert_true(is_raised(rig, GW_ISSUE_UPLINK_TLS));
        assert_non_null(strstr(status_text(rig), "no subjectAltName, only CN=x"));
        rig_wait_for_request(rig, 130000);
        answer_problem(rig, 0, 503, "busy");
        assert_false(is_raised(rig, GW_ISSUE_UPLINK_TLS)); /* the handshake passed */
    }
}

static void a_bearer_token_goes_into_each_request(void **state) {
    struct rig *rig = *state;
    gw_uplink_close(rig->uplink);
    rig->options.token = GW_STR("secret");
    rig_open_uplink(rig);
    rig_look(rig);
    assert_string_equal(header(rig, 0, "Authorization"), "Bearer secret");
    assert_null(strstr(status_text(rig), "secret"));
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, open_with_batch, close_it)

int main(void) {
    const struct CMUnitTest tests[] = {
        ROW(a_request_carries_the_headers_of_the_contract),
        ROW(the_echo_accepts_the_whole_batch),
        ROW(half_an_answer_or_a_wrong_echo_acknowledges_nothing),
        ROW(the_right_echo_with_the_wrong_content_type_is_no_acknowledgement),
        ROW(a_bare_2xx_and_a_redirect_are_no_acknowledgement),
        ROW(a_bare_2xx_counts_for_a_sink_that_acknowledges_by_status),
        ROW(results_for_every_id_need_no_echo),
        ROW(results_for_some_ids_without_the_echo_acknowledge_nothing),
        ROW(rejected_becomes_a_dead_letter_with_its_code),
        ROW(conflict_is_kept_and_raised_and_never_a_success),
        ROW(retry_leaves_the_cursor_at_the_prefix_and_resends_the_rest),
        ROW(an_unknown_word_is_a_retry),
        ROW(an_id_named_twice_makes_the_answer_worthless),
        ROW(already_stored_with_the_echo_is_success),
        ROW(already_stored_may_come_as_a_problem_document),
        ROW(any_other_409_is_tried_again),
        ROW(a_400_that_is_not_ours_is_a_configuration_fault),
        ROW(a_422_without_our_problem_type_is_a_configuration_fault),
        ROW(statuses_that_refuse_the_gateway_stop_the_sink),
        ROW(a_413_halves_the_batch_at_once_and_is_remembered),
        ROW(a_413_on_one_event_is_a_configuration_fault),
        ROW(a_413_for_large_events_does_not_make_small_ones_drip),
        ROW(a_late_413_for_an_older_batch_raises_no_cap),
        ROW(a_cap_is_lifted_when_many_batches_that_filled_it_were_taken),
        ROW(a_413_for_a_letter_alone_closes_it_and_keeps_the_reason),
        ROW(a_413_for_a_replayed_event_alone_leaves_it_out_and_says_so),
        ROW(transient_statuses_are_tried_again_for_ever),
        ROW(retry_after_is_obeyed),
        ROW(no_answer_is_tried_again_and_complained_of_the_second_time),
        ROW(certificate_faults_raise_the_tls_issue_with_the_reason),
        ROW(a_bearer_token_goes_into_each_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
