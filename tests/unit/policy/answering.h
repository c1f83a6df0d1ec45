/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads answers whole, in two pieces, and byte by byte, for tests.
 */
#ifndef SP_TEST_ANSWERING_H
#define SP_TEST_ANSWERING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/answer.h"

#define CHAT      ROUTE_CHAT_COMPLETIONS
#define COMPLETE  ROUTE_COMPLETIONS
#define RESPONSES ROUTE_RESPONSES
#define MESSAGES  ROUTE_MESSAGES
#define TOKENS    ROUTE_MESSAGES_COUNT_TOKENS

/* All that a reader made of an answer. */
struct outcome {
    int error;
    struct buf out;
    struct answer_usage usage;
    uint64_t content;
    char finish[ANSWER_FINISH_BYTES + 1];
    char id[ANSWER_ID_BYTES + 1];
    bool other_model, finished;
};

/* How an answer is read. */
struct manner {
    const struct answer_rule *rule;
    enum route route;
    bool events, asked;
};

static inline void outcome_note(struct outcome *o, const struct answer *a)
{
    o->usage = answer_usage(a);
    o->content = answer_content_bytes(a);
    strcpy(o->finish, answer_finish(a));
    strcpy(o->id, answer_id(a));
    o->other_model = answer_other_model(a);
    o->finished = answer_finished(a);
}

/* In pieces of `first` bytes, then of `step`. Each piece is in memory of its
 * own, so that the sanitizer sees every look past its end. */
static inline struct outcome outcome_of(const struct manner *m,
                                        const char *text, size_t length,
                                        size_t first, size_t step)
{
    struct outcome o = {0};
    struct answer a;
    size_t at = 0, n = first;

    buf_init(&o.out, 256u << 20);
    assert_int_equal(answer_init(&a, m->rule, m->route, m->events, m->asked),
                     0);
    while (o.error == 0 && at < length) {
        uint8_t *piece;

        n = n > length - at ? length - at : n;
        piece = malloc(n == 0 ? 1 : n);
        assert_non_null(piece);
        memcpy(piece, text + at, n);
        o.error = answer_feed(&a, piece, n, &o.out);
        free(piece);
        at += n;
        n = step;
    }
    if (o.error == 0)
        o.error = answer_end(&a, &o.out);
    if (o.error != 0)
        assert_int_equal(answer_feed(&a, (const uint8_t *)"x", 1, &o.out),
                         o.error);
    outcome_note(&o, &a);
    answer_release(&a);
    return o;
}

static inline bool outcome_same(const struct outcome *a,
                                const struct outcome *b)
{
    return a->error == b->error && a->out.length == b->out.length &&
           (a->out.length == 0 || memcmp(buf_bytes(&a->out), buf_bytes(&b->out),
                                         a->out.length) == 0) &&
           memcmp(&a->usage, &b->usage, sizeof(a->usage)) == 0 &&
           a->content == b->content && strcmp(a->finish, b->finish) == 0 &&
           strcmp(a->id, b->id) == 0 && a->other_model == b->other_model &&
           a->finished == b->finished;
}

static inline bool outcome_says(const struct outcome *o, const char *text)
{
    return o->out.length == strlen(text) &&
           (o->out.length == 0 ||
            memcmp(buf_bytes(&o->out), text, o->out.length) == 0);
}

static inline const char *outcome_text(struct outcome *o)
{
    if (buf_append(&o->out, "", 1) != 0)
        abort();
    return (const char *)buf_bytes(&o->out);
}

/* Wherever it is cut, the same comes of it. */
static inline void assert_same_when_cut(const struct manner *m,
                                        const char *text, size_t length,
                                        const struct outcome *whole)
{
    for (size_t cut = 0; cut <= length; cut++) {
        struct outcome o = cut == length
                               ? outcome_of(m, text, length, 1, 1)
                               : outcome_of(m, text, length, cut, length);

        if (!outcome_same(&o, whole))
            fail_msg("cut at %zu: error %d, not %d: %s\nof\n%s", cut, o.error,
                     whole->error, outcome_text(&o), text);
        buf_release(&o.out);
    }
}

/* What a client gets is right, and nothing in it would be changed again. */
static inline void assert_fixed(const struct manner *m,
                                const struct outcome *first)
{
    struct outcome second;

    if (first->error != 0 || first->out.length == 0)
        return;
    second = outcome_of(m, (const char *)buf_bytes(&first->out),
                        first->out.length, first->out.length, 1);
    if (second.error != 0 || second.out.length != first->out.length ||
        memcmp(buf_bytes(&second.out), buf_bytes(&first->out),
               first->out.length) != 0)
        fail_msg("not fixed: error %d: %s", second.error,
                 outcome_text(&second));
    buf_release(&second.out);
}

#endif
