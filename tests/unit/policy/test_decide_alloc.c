/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P9: a decision that allows needs no memory: policy_decide(), decide_entry()
 * and entry_encode() allocate nothing, so there is nothing there to run out of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/allocations.h"
#include "bench/crowd.h"
#include "policy/decide.h"

#define PEOPLE 1000

struct gate {
    struct policy *p;
    struct standing *s;
    uint64_t n;
};

static void record(struct gate *g, struct entry *e)
{
    e->n = g->n++;
    e->t = CROWD_OPENS_MS;
    assert_int_equal(standing_apply(g->s, e), 0);
}

static void gate_open(struct gate *g)
{
    struct report report = {.out = stderr};
    struct entry e = {.kind = ENTRY_LOG_OPENED,
                      .u.log_opened = {"o", "1", "v", NULL}};
    size_t length;
    char *text = crowd_policy(PEOPLE, 10, "ca", &length);

    *g = (struct gate){.s = standing_new()};
    assert_true(text != NULL && g->s != NULL);
    assert_int_equal(
        policy_parse("p", text, length, NULL, NULL, &report, &g->p), 0);
    free(text);
    record(g, &e);
    e = (struct entry){.kind = ENTRY_POLICY_LOADED,
                       .u.policy_loaded = {.serial = g->p->serial}};
    memcpy(e.u.policy_loaded.sha256, g->p->sha256, 32);
    record(g, &e);
    assert_int_equal(standing_bind(g->s, g->p), 0);
    while (standing_due(g->s, CROWD_OPENS_MS, true, &e))
        record(g, &e);
}

/* One decision to its encoded entry; gives what it allocated. */
static uint64_t decide(struct gate *g, uint32_t person, enum reason expected,
                       struct entry *e)
{
    static char line[LIMIT_ENTRY_BYTES];
    static struct facts f;
    uint64_t before = allocations_made;
    struct verdict v;
    size_t length;

    f = (struct facts){.party = g->p->people[person].party,
                       .person = person,
                       .cert_not_after = INT64_MAX,
                       .address = "192.0.2.1",
                       .method = METHOD_POST,
                       .route = ROUTE_CHAT_COMPLETIONS,
                       .max_tokens = -1,
                       .body_bytes = 700};
    strcpy(f.model, expected == REASON_NONE ? "orion" : "vega");
    v = policy_decide(g->p, g->s, &f, CROWD_OPENS_MS, CLOCK_GOOD);
    decide_entry(g->p, &f, &v, e);
    e->n = g->n;
    e->t = CROWD_OPENS_MS;
    assert_int_equal(v.reason, expected);
    assert_int_equal(entry_encode(e, line, sizeof line, &length), 0);
    return allocations_made - before;
}

static void P9_deciding_and_encoding_allocate_nothing(void **state)
{
    struct gate g;
    struct entry e;

    (void)state;
    gate_open(&g);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        assert_int_equal(decide(&g, i, REASON_NONE, &e), 0);
        record(&g, &e); /* it is spent, and somebody's first */
        assert_int_equal(decide(&g, i, REASON_NONE, &e), 0);
        assert_int_equal(decide(&g, i, REASON_MODEL_NOT_FOUND, &e), 0);
    }
    standing_free(g.s);
    policy_free(g.p);
}

/* Else the test above could not fail. */
static void what_is_allocated_is_counted(void **state)
{
    uint64_t made = allocations_made, freed = allocations_freed;
    struct standing *s = standing_new();

    (void)state;
    assert_int_not_equal(allocations_made, made);
    standing_free(s);
    assert_int_not_equal(allocations_freed, freed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P9_deciding_and_encoding_allocate_nothing),
        cmocka_unit_test(what_is_allocated_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
