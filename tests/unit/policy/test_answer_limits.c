/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are too long, too deep or of too many parts; answers made at
 * random, of which nothing may depend on how they are cut.
 */
#include "answering.h"

static const char *const removals[] = {"logprobs", "gone", NULL};
static const struct answer_rule rule = {"orion", "hidden-7", removals, true};

static const struct manner chat = {&rule, CHAT, true, true};
static const struct manner document = {&rule, CHAT, false, true};

/* `head`, then `n` times `fill`, then `tail`. */
static char *text_make(const char *head, const char *fill, size_t n,
                       const char *tail, size_t *length)
{
    size_t h = strlen(head), f = strlen(fill), t = strlen(tail);
    char *text = malloc(h + n * f + t);

    assert_non_null(text);
    memcpy(text, head, h);
    for (size_t i = 0; i < n; i++)
        memcpy(text + h + i * f, fill, f);
    memcpy(text + h + n * f, tail, t);
    *length = h + n * f + t;
    return text;
}

static void assert_ends(const struct manner *m, const char *text, size_t length,
                        size_t step, int error)
{
    struct outcome o = outcome_of(m, text, length, step, step);

    assert_int_equal(o.error, error);
    if (error == 0)
        assert_fixed(m, &o);
    else
        assert_int_equal(o.out.length, 0);
    buf_release(&o.out);
}

/* An event of exactly so many bytes, all at once and in pieces. */
static void event_of(size_t bytes, int error)
{
    size_t length;
    char *text =
        text_make("data: {\"a\":\"", "x", bytes - 16, "\"}\n\n", &length);

    assert_int_equal(length, bytes);
    assert_ends(&chat, text, length, length, error);
    assert_ends(&chat, text, length, 16384, error);
    assert_ends(&chat, text, length, length - 1, error);
    free(text);
}

static void events_are_bounded(void **state)
{
    (void)state;
    event_of(LIMIT_EVENT_BYTES, 0);
    event_of(LIMIT_EVENT_BYTES + 1, SP_EPROTO);
}

static void events_without_an_end_are_bounded(void **state)
{
    size_t length;
    char *text = text_make("data: {", "\n:", LIMIT_EVENT_BYTES, "", &length);

    (void)state;
    assert_ends(&chat, text, length, 4096, SP_EPROTO);
    free(text);
    text = text_make("data: {", "\ndata", LIMIT_EVENT_BYTES / 5 - 9,
                     "\ndata: }\n\n", &length);
    assert_ends(&chat, text, length, length, 0);
    free(text);
}

static void documents_are_bounded(void **state)
{
    size_t length;
    char *text =
        text_make("{\"a\":\"", "x", LIMIT_ANSWER_BYTES - 8, "\"}", &length);

    (void)state;
    assert_ends(&document, text, length, 1u << 20, 0);
    free(text);
    text = text_make("{\"a\":\"", "x", LIMIT_ANSWER_BYTES - 7, "\"}", &length);
    assert_ends(&document, text, length, 1u << 20, SP_ETOOBIG);
    free(text);
}

static void parts_and_depth_are_bounded(void **state)
{
    size_t length;
    char *text =
        text_make("{\"a\":[", "0,", LIMIT_ANSWER_NODES, "0]}", &length);

    (void)state;
    assert_ends(&document, text, length, length, SP_ETOOBIG);
    free(text);
    text = text_make("data: {\"a\":", "[", LIMIT_JSON_DEPTH - 1, "", &length);
    text = realloc(text, length + LIMIT_JSON_DEPTH + 2);
    assert_non_null(text);
    memset(text + length, ']', LIMIT_JSON_DEPTH - 1);
    memcpy(text + length + LIMIT_JSON_DEPTH - 1, "}\n\n", 3);
    length += LIMIT_JSON_DEPTH + 2;
    assert_ends(&chat, text, length, length, 0);
    free(text);
    text = text_make("data: {\"a\":", "[", LIMIT_JSON_DEPTH, "\n\n", &length);
    assert_ends(&chat, text, length, length, SP_ETOOBIG);
    free(text);
}

static void a_nul_is_refused_everywhere(void **state)
{
    static const char *const before[] = {"", "data: {}", ": c", "data: {}\n",
                                         "da"};

    (void)state;
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        char text[32] = {0};
        size_t n = strlen(before[i]);

        memcpy(text, before[i], n);
        memcpy(text + n + 1, "\n\n", 2);
        assert_ends(&chat, text, n + 3, n + 3, SP_EPROTO);
        assert_ends(&chat, text, n + 3, 1, SP_EPROTO);
    }
}

/* `out` is full: that is said, and nothing is half in it. */
static void a_full_buffer_is_an_error(void **state)
{
    static const char event[] = "data: {\"model\":\"hidden-7\"}\n\n";
    struct answer a;
    struct buf out;

    (void)state;
    buf_init(&out, 30);
    assert_int_equal(answer_init(&a, &rule, CHAT, true, true), 0);
    assert_int_equal(
        answer_feed(&a, (const uint8_t *)event, sizeof(event) - 1, &out),
        SP_ETOOBIG);
    assert_int_equal(out.length, 0);
    answer_release(&a);
    buf_release(&out);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    static char name[LIMIT_MODEL_BYTES * 6 + 8];
    const struct answer_rule r = {name, "x", removals, false};
    struct answer a;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    assert_int_equal(answer_init(&a, &r, CHAT, true, true), SP_ETOOBIG);
    answer_release(&a);
}

/* ---- at random ---- */

static uint32_t seed = 1;

static size_t dice(size_t sides)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % sides;
}

static const char *const words[] = {
    "data: ",
    "event: ",
    ": c",
    "{\"model\":\"hidden-7\"",
    "{",
    "}",
    "\"a\":1",
    "\"logprobs\":[1]",
    "\"gone\":{}",
    ",",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "[DONE]",
    "\"choices\":[{\"delta\":{",
    "\"reasoning\":\"x\"",
    "}}]",
    "\"content\":\"\\u00e9\"",
    "\xef\xbb\xbf",
    "id: 1",
    "data: {}\n\n",
    "data: {\"gone\":1}\n\n",
    "\"usage\":{\"prompt_tokens\":1}",
    "ping",
    " ",
    "\"type\":\"ping\"",
};

static size_t random_text(char *text, size_t size)
{
    size_t length = 0, n = dice(40);

    while (n-- > 0) {
        const char *w = words[dice(sizeof words / sizeof words[0])];

        if (length + strlen(w) > size)
            break;
        memcpy(text + length, w, strlen(w));
        length += strlen(w);
    }
    return length;
}

static void nothing_depends_on_the_cuts(void **state)
{
    static const enum route routes[] = {CHAT, RESPONSES, MESSAGES, COMPLETE};
    char text[1024];
    size_t accepted = 0;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct manner m = {&rule, routes[dice(4)], true, dice(2) == 0};
        size_t length = random_text(text, sizeof(text));
        struct outcome o = outcome_of(&m, text, length, length, 1);
        struct outcome p =
            outcome_of(&m, text, length, dice(length + 1), 1 + dice(9));

        assert_true(outcome_same(&o, &p));
        assert_fixed(&m, &o);
        accepted += o.error == 0 && o.out.length > 0;
        buf_release(&o.out);
        buf_release(&p.out);
    }
    assert_true(accepted > 1000);
}

/* Whichever members are taken out, right JSON is left behind. */
static void every_subset_can_be_removed(void **state)
{
    static const char *const names[] = {"ra", "rb", "rc", "rd", "re", NULL};
    static const struct answer_rule r = {"orion", "hidden-7", names, false};
    static const struct manner m = {&r, CHAT, false, true};

    (void)state;
    for (unsigned set = 0; set < 1u << 5; set++) {
        char text[128], want[128];
        char inside[100] = "", left[100] = "";
        struct outcome o;

        for (unsigned i = 0; i < 5; i++) {
            bool gone = (set >> i & 1) != 0;
            char member[20];

            snprintf(member, sizeof(member), "\"%c%c\":{\"ra\":%u}",
                     gone ? 'r' : 'k', (char)('a' + i), i);
            strcat(strcat(inside, i > 0 ? "," : ""), member);
            snprintf(member, sizeof(member), "%s\"k%c\":{}",
                     left[0] != 0 ? "," : "", (char)('a' + i));
            if (!gone)
                strcat(left, member);
        }
        snprintf(text, sizeof(text), "{%s}", inside);
        snprintf(want, sizeof(want), "{%s}", left);
        o = outcome_of(&m, text, strlen(text), 7, 7);
        if (o.error != 0 || !outcome_says(&o, want))
            fail_msg("%s: error %d\nwant %s\nhave %s", text, o.error, want,
                     outcome_text(&o));
        buf_release(&o.out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_bounded),
        cmocka_unit_test(events_without_an_end_are_bounded),
        cmocka_unit_test(documents_are_bounded),
        cmocka_unit_test(parts_and_depth_are_bounded),
        cmocka_unit_test(a_nul_is_refused_everywhere),
        cmocka_unit_test(a_full_buffer_is_an_error),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
        cmocka_unit_test(nothing_depends_on_the_cuts),
        cmocka_unit_test(every_subset_can_be_removed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    buf_pool_release();
    return failed;
}
