/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs by the number of people in the policy: loading the
 * policy, deciding, encoding the entry, applying it. Fails if a decision that
 * allows, or the encoding of its entry, allocates: the keeper decides for
 * everybody with one thread, and an allocation is where it could wait or fail.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/allocations.h"
#include "bench/crowd.h"
#include "policy/decide.h"

#define LOADS   3
#define ROUNDS  200000
#define APPLIES 50000

struct subject {
    struct policy *p;
    struct standing *s;
    unsigned people;
    int64_t now;
    uint64_t n; /* of the next entry */
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "bench-decide: %s\n", what);
    exit(1);
}

static size_t resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2)
        fail("/proc/self/statm cannot be read");
    fclose(f);
    return resident * 4096;
}

static void record(struct subject *s, struct entry *e)
{
    e->n = s->n++;
    e->t = s->now;
    if (standing_apply(s->s, e) != 0)
        fail(standing_error(s->s));
}

static void policy_load(struct subject *s, unsigned parties)
{
    struct report report = {.out = stderr};
    uint64_t best = UINT64_MAX;
    size_t length, before;
    char *text = crowd_policy(s->people, parties, "ca", &length);

    if (text == NULL)
        fail("out of memory");
    malloc_trim(0);
    before = resident_bytes();
    for (unsigned i = 0; i < LOADS; i++) {
        uint64_t began = now_ns(), took;

        policy_free(s->p);
        if (policy_parse("policy.yaml", text, length, NULL, NULL, &report,
                         &s->p) != 0)
            fail("the policy does not load");
        took = now_ns() - began;
        best = took < best ? took : best;
    }
    malloc_trim(0);
    printf("people %6u  parties %3u  text %8zu bytes  load %8.2f ms  "
           "holds %6.1f MiB\n",
           s->people, parties, length, (double)best / 1e6,
           (double)(resident_bytes() - before) / (1 << 20));
    free(text);
}

static void standing_begin(struct subject *s)
{
    struct entry e = {.kind = ENTRY_LOG_OPENED,
                      .u.log_opened = {"o", "1", "v"}};
    uint64_t began;

    s->now = CROWD_OPENS_MS;
    if ((s->s = standing_new()) == NULL)
        fail("out of memory");
    record(s, &e);
    e = (struct entry){.kind = ENTRY_POLICY_LOADED,
                       .u.policy_loaded = {.serial = s->p->serial}};
    memcpy(e.u.policy_loaded.sha256, s->p->sha256, 32);
    record(s, &e);
    began = now_ns();
    if (standing_bind(s->s, s->p) != 0)
        fail("the policy cannot be bound");
    printf("  bind %8.2f ms", (double)(now_ns() - began) / 1e6);
    began = now_ns();
    while (standing_due(s->s, s->now, true, &e))
        record(s, &e);
    printf("  open all windows %8.2f ms\n", (double)(now_ns() - began) / 1e6);
}

/* A request of the i-th of people that follow each other like strangers. */
static struct facts facts_of(const struct subject *s, unsigned i)
{
    struct facts f = {.person =
                          (uint32_t)((uint64_t)i * 2654435761u % s->people),
                      .cert_not_after = INT64_MAX,
                      .address = "192.0.2.1",
                      .method = METHOD_POST,
                      .route = ROUTE_CHAT_COMPLETIONS,
                      .model = "orion",
                      .max_tokens = -1,
                      .body_bytes = 700};

    f.party = s->p->people[f.person].party;
    return f;
}

/* One time of each; *made: allocations of all. */
struct price {
    double decide, encode;
    uint64_t made;
};

static struct price decide_many(const struct subject *s, const char *model,
                                enum reason expected)
{
    static char line[LIMIT_ENTRY_BYTES];
    struct price c = {0};
    uint64_t decided = 0, encoded = 0, made = allocations_made;

    for (unsigned i = 0; i < ROUNDS; i += 100) {
        struct facts facts[100];
        struct verdict verdicts[100];
        uint64_t t0, t1;

        for (unsigned k = 0; k < 100; k++) {
            facts[k] = facts_of(s, i + k);
            snprintf(facts[k].model, sizeof facts[k].model, "%s", model);
        }
        t0 = now_ns();
        for (unsigned k = 0; k < 100; k++)
            verdicts[k] =
                policy_decide(s->p, s->s, &facts[k], s->now, CLOCK_GOOD);
        t1 = now_ns();
        decided += t1 - t0;
        for (unsigned k = 0; k < 100; k++) {
            struct entry e;
            size_t length;

            decide_entry(s->p, &facts[k], &verdicts[k], &e);
            e.n = i + k;
            e.t = s->now;
            if (verdicts[k].reason != expected ||
                entry_encode(&e, line, sizeof line, &length) != 0)
                fail("another verdict than expected");
        }
        encoded += now_ns() - t1;
    }
    c.made = allocations_made - made;
    c.decide = (double)decided / ROUNDS;
    c.encode = (double)encoded / ROUNDS;
    return c;
}

/* Admitted and closed, one after the other, by many people: at first by
 * newcomers, who need a place in the standing. */
static double apply_many(struct subject *s)
{
    uint64_t began, spent = 0;

    for (unsigned i = 0; i < APPLIES; i++) {
        struct facts f = facts_of(s, i);
        struct verdict v;
        struct entry e, end = {.kind = ENTRY_REQUEST_CLOSED};

        s->now += i % 8 == 0;
        v = policy_decide(s->p, s->s, &f, s->now, CLOCK_GOOD);
        if (v.reason != REASON_NONE)
            fail("another verdict than expected");
        decide_entry(s->p, &f, &v, &e);
        end.u.request_closed.of = s->n;
        began = now_ns();
        record(s, &e);
        record(s, &end);
        spent += now_ns() - began;
    }
    return (double)spent / APPLIES / 2;
}

static bool measure(unsigned people, unsigned parties)
{
    struct subject s = {.people = people};
    struct price allowed, refused;
    double first, again;

    policy_load(&s, parties);
    standing_begin(&s);
    allowed = decide_many(&s, "orion", REASON_NONE);
    refused = decide_many(&s, "vega", REASON_MODEL_NOT_FOUND);
    first = apply_many(&s);
    again = apply_many(&s);
    printf("  allow %4.0f ns  refuse %4.0f ns  entry %4.0f ns  apply %4.0f ns, "
           "of newcomers %4.0f ns\n"
           "  allocations a decision: allow %.3f  refuse %.3f\n",
           allowed.decide, refused.decide, allowed.encode, again, first,
           (double)allowed.made / ROUNDS, (double)refused.made / ROUNDS);
    standing_free(s.s);
    policy_free(s.p);
    return allowed.made == 0;
}

static int text_print(const char *people, const char *parties,
                      const char *anchors)
{
    size_t length;
    char *text = crowd_policy((unsigned)atoi(people), (unsigned)atoi(parties),
                              anchors, &length);

    if (text == NULL || fwrite(text, 1, length, stdout) != length)
        return 1;
    free(text);
    return 0;
}

int main(int argc, char **argv)
{
    bool none;

    if (argc == 5 && strcmp(argv[1], "--print") == 0)
        return text_print(argv[2], argv[3], argv[4]);
    if (argc != 1) {
        fprintf(stderr, "usage: bench-decide\n"
                        "       bench-decide --print PEOPLE PARTIES ANCHORS\n");
        return 2;
    }
    none = measure(10, 1);
    none = measure(1000, 10) && none;
    none = measure(100000, 250) && none;
    none = measure(100000, 1) && none;
    if (!none)
        fprintf(stderr, "bench-decide: a decision that allows allocates\n");
    return none ? 0 : 1;
}
