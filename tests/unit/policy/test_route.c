/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets: what matches to the letter, and all that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/reason.h"
#include "policy/route.h"

static const struct {
    enum method method;
    const char *text;
    enum target_fault fault;
    enum route route;
    enum dialect dialect;
    const char *id;
} cases[] = {
#define FINE(m, t, r, d, id)                                                   \
    {                                                                          \
        METHOD_##m, t, TARGET_FINE, r, DIALECT_##d, id                         \
    }
    FINE(POST, "/v1/chat/completions", ROUTE_CHAT_COMPLETIONS, OPENAI, ""),
    FINE(POST, "/v1/completions", ROUTE_COMPLETIONS, OPENAI, ""),
    FINE(POST, "/v1/responses", ROUTE_RESPONSES, OPENAI, ""),
    FINE(POST, "/v1/messages", ROUTE_MESSAGES, ANTHROPIC, ""),
    FINE(POST, "/v1/messages?beta=true", ROUTE_MESSAGES, ANTHROPIC, ""),
    FINE(POST, "/v1/messages/count_tokens?beta=true",
         ROUTE_MESSAGES_COUNT_TOKENS, ANTHROPIC, ""),
    FINE(GET, "/v1/models", ROUTE_MODELS, OPENAI, ""),
    FINE(HEAD, "/v1/models", ROUTE_MODELS, OPENAI, ""),
    FINE(GET, "/v1/models/orion-7.b:x_Y", ROUTE_MODEL, OPENAI, "orion-7.b:x_Y"),
    FINE(GET, "/sallyport/v1/status", ROUTE_STATUS, OPENAI, ""),
    FINE(HEAD, "/sallyport/v1/nda", ROUTE_NDA, OPENAI, ""),
    FINE(GET, "/sallyport/v1/nda", ROUTE_NDA, OPENAI, ""),
    FINE(POST, "/sallyport/v1/nda", ROUTE_NDA_ACCEPT, OPENAI, ""),
    FINE(GET, "/sallyport/v1/nda/nda-v3", ROUTE_NDA_DOCUMENT, OPENAI, "nda-v3"),
    FINE(POST, "/sallyport/v1/findings", ROUTE_FINDINGS, OPENAI, ""),
    FINE(GET, "/sallyport/v1/receipts/4711", ROUTE_RECEIPT, OPENAI, "4711"),
    FINE(GET, "/sallyport/v1/log/checkpoint", ROUTE_LOG_CHECKPOINT, OPENAI, ""),
    FINE(GET, "/sallyport/v1/log/entries/x001/000", ROUTE_LOG_ENTRIES, OPENAI,
         "x001/000"),
    FINE(GET, "/sallyport/v1/log/checkpoint.cosigned", ROUTE_LOG_COSIGNED,
         OPENAI, ""),
    FINE(GET, "/sallyport/v1/log/tile/0/x001/234.p/5", ROUTE_LOG_TILE, OPENAI,
         "0/x001/234.p/5"),
    FINE(HEAD, "/sallyport/v1/log/tile/entries/000", ROUTE_LOG_BUNDLE, OPENAI,
         "000"),
    FINE(GET, "/sallyport/v1/log/tile/entries/x001/000.p/9", ROUTE_LOG_BUNDLE,
         OPENAI, "x001/000.p/9"),
    FINE(GET, "/v1/models/a%3Ab%3ac", ROUTE_MODEL, OPENAI, "a:b:c"),
#define METHOD(m, t, r, d)                                                     \
    {                                                                          \
        METHOD_##m, t, TARGET_METHOD, r, DIALECT_##d, ""                       \
    }
    METHOD(GET, "/v1/chat/completions", ROUTE_CHAT_COMPLETIONS, OPENAI),
    METHOD(HEAD, "/v1/messages", ROUTE_MESSAGES, ANTHROPIC),
    METHOD(POST, "/v1/models", ROUTE_MODELS, OPENAI),
    METHOD(OTHER, "/v1/responses", ROUTE_RESPONSES, OPENAI),
    METHOD(POST, "/sallyport/v1/status", ROUTE_STATUS, OPENAI),
    METHOD(OTHER, "/sallyport/v1/nda", ROUTE_NDA, OPENAI),
    METHOD(GET, "/sallyport/v1/findings", ROUTE_FINDINGS, OPENAI),
#define UNKNOWN(t, d)                                                          \
    {                                                                          \
        METHOD_POST, t, TARGET_UNKNOWN, ROUTE_UNKNOWN, DIALECT_##d, ""         \
    }
    UNKNOWN("/", OPENAI),
    UNKNOWN("/v1", OPENAI),
    UNKNOWN("/v1/chat/completion", OPENAI),
    UNKNOWN("/v1/chat/completions/", OPENAI),
    UNKNOWN("/v1/chat/completions?", OPENAI),
    UNKNOWN("/v1/chat/completions?beta=true", OPENAI),
    UNKNOWN("/V1/chat/completions", OPENAI),
    UNKNOWN("/v1/chat%20completions", OPENAI),
    UNKNOWN("/v1/%63hat/completions", OPENAI),
    UNKNOWN("/v1/messages/", ANTHROPIC),
    UNKNOWN("/v1/messages?beta=tru", ANTHROPIC),
    UNKNOWN("/v1/messages?beta=true&x=1", ANTHROPIC),
    UNKNOWN("/v1/messages?x=1", ANTHROPIC),
    UNKNOWN("/v1/messages/batches", ANTHROPIC),
    UNKNOWN("/v1/models/", OPENAI),
    UNKNOWN("/v1/models/a/b", OPENAI),
    UNKNOWN("/v1/models/a%41", OPENAI),
    UNKNOWN("/v1/models/a?x", OPENAI),
    UNKNOWN("/v1/models/a%3", OPENAI),
    UNKNOWN("/./v1/responses", OPENAI),
    UNKNOWN("/sallyport/v1/nda/", OPENAI),
    UNKNOWN("/sallyport/v1/nda/a/b", OPENAI),
    UNKNOWN("/sallyport/v1/nda?document=a", OPENAI),
    UNKNOWN("/sallyport/v1/findings/", OPENAI),
    UNKNOWN("/sallyport/v1/Status", OPENAI),
    UNKNOWN("/sallyport/v2/status", OPENAI),
    UNKNOWN("/sallyport", OPENAI),
#define BAD(t)                                                                 \
    {                                                                          \
        METHOD_POST, t, TARGET_MALFORMED, ROUTE_UNKNOWN, DIALECT_OPENAI, ""    \
    }
    BAD(""),
    BAD("*"),
    BAD("v1/responses"),
    BAD("http://gate/v1/responses"),
    BAD("gate:443"),
    BAD("//v1/responses"),
    BAD("/v1//responses"),
    BAD("/v1/../v1/responses"),
    BAD("/v1/responses/.."),
    BAD("/v1%2fresponses"),
    BAD("/v1%2Fresponses"),
    BAD("/v1%5cresponses"),
    BAD("/v1%00responses"),
    BAD("/v1\\responses"),
    BAD("/v1/responses;x=1"),
    BAD("/v1/responses#x"),
    BAD("/v1/respon ses"),
    BAD("/v1/responses\x7f"),
    BAD("/v1/responses\xc3\xa9"),
    BAD("/v1/\tresponses"),
};

static void targets_match_to_the_letter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length = strlen(cases[i].text);
        char *copy = malloc(length == 0 ? 1 : length); /* nothing behind it */
        enum target_fault fault;
        struct target t;

        assert_non_null(copy);
        memcpy(copy, cases[i].text, length);
        fault = target_match(cases[i].method, copy, length, &t);
        if (fault != cases[i].fault || t.route != cases[i].route ||
            t.dialect != cases[i].dialect || strcmp(t.id, cases[i].id) != 0)
            fail_msg("%s: fault %d route %d dialect %d id %s", cases[i].text,
                     (int)fault, (int)t.route, (int)t.dialect, t.id);
        free(copy);
    }
}

static void one_path_may_have_several_methods(void **state)
{
    static const struct {
        enum route route;
        const char *methods;
    } allowed[] = {
        {ROUTE_UNKNOWN, "GET, HEAD, POST"},
        {ROUTE_MESSAGES, "POST"},
        {ROUTE_MODELS, "GET, HEAD"},
        {ROUTE_NDA, "GET, HEAD, POST"},
        {ROUTE_NDA_ACCEPT, "GET, HEAD, POST"},
        {ROUTE_NDA_DOCUMENT, "GET, HEAD"},
        {ROUTE_FINDINGS, "POST"},
        {(enum route)99, "GET, HEAD, POST"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        assert_string_equal(route_methods(allowed[i].route),
                            allowed[i].methods);
}

static void long_ids_are_unknown(void **state)
{
    char text[256] = "/v1/models/";
    struct target t;

    (void)state;
    memset(text + 11, 'a', 129);
    assert_int_equal(target_match(METHOD_GET, text, 11 + 128, &t), TARGET_FINE);
    assert_int_equal(strlen(t.id), 128);
    assert_int_equal(target_match(METHOD_GET, text, 11 + 129, &t),
                     TARGET_UNKNOWN);
    assert_string_equal(t.id, "");
}

static void names_go_there_and_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUTE_COUNT; i++) {
        const char *name = route_info((enum route)i)->name;

        assert_int_equal(route_info((enum route)i)->route, i);
        assert_int_equal(route_from_name(name, strlen(name)), i);
    }
    assert_int_equal(route_from_name("chat", 4), ROUTE_UNKNOWN);
    assert_int_equal(route_info(ROUTE_COUNT)->route, ROUTE_UNKNOWN);
}

/* What official clients make of a status must be what is meant. */
static void reasons_hold_their_rules(void **state)
{
    (void)state;
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        const struct reason_info *r = reason_info((enum reason)i);

        assert_non_null(r->code);
        assert_int_equal(reason_from_code(r->code, strlen(r->code)), i);
        assert_in_range(r->status, 400, 599);
        assert_true(r->status != 408 && r->status != 409);
        assert_int_equal(r->retry, r->status == 429 || r->status >= 500);
        assert_int_equal(r->retry, r->retry_after > 0);
        assert_in_range(r->retry_after, 0, 60);
        assert_true(strlen(r->text) > 10 && strlen(r->openai_type) > 0 &&
                    strlen(r->anthropic_type) > 0);
    }
    assert_int_equal(reason_from_code("x", 1), REASON_COUNT);
    assert_ptr_equal(reason_info(REASON_COUNT),
                     reason_info(REASON_AUDIT_UNAVAILABLE));
    for (int i = 0; i < CAUSE_COUNT; i++)
        assert_int_equal(cause_from_code(cause_code((enum cause)i),
                                         strlen(cause_code((enum cause)i))),
                         i);
    assert_int_equal(cause_from_code("x", 1), CAUSE_COUNT);
}

static void paper_has_the_table_of_reasons(void **state)
{
    FILE *f = fopen(SP_TEST_DATA "/../../../docs/policy.md", "r");
    char *paper = calloc(1, 1 << 18), row[512], after[16];

    (void)state;
    assert_non_null(f);
    assert_non_null(paper);
    assert_true(fread(paper, 1, (1 << 18) - 1, f) > 0);
    fclose(f);
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        const struct reason_info *r = reason_info((enum reason)i);

        snprintf(after, sizeof after, "%d s", r->retry_after);
        snprintf(row, sizeof row, "\n| `%s` | %d | %s | %s |\n", r->code,
                 r->status, r->retry ? after : "", r->text);
        if (strstr(paper, row) == NULL)
            fail_msg("docs/policy.md does not have: %s", row);
    }
    free(paper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_match_to_the_letter),
        cmocka_unit_test(one_path_may_have_several_methods),
        cmocka_unit_test(long_ids_are_unknown),
        cmocka_unit_test(names_go_there_and_back),
        cmocka_unit_test(reasons_hold_their_rules),
        cmocka_unit_test(paper_has_the_table_of_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
