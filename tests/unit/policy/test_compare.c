/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy changes against another (P8: signers know what they sign).
 * Edits of one policy and the words for each; then random policies with one
 * line of theirs changed:
 * - whatever else loads and means something else is told, so that nothing of
 *   the language can be forgotten here;
 * - a request that was allowed and would be refused is among what is told as
 *   narrower, and the reverse as wider.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/compare.h"
#include "policy/decide.h"
#include "policy/policy_print.h"
#include "tests/unit/policy/random_policy.h"

#if defined(SP_SANITIZED)
#define COUNT 300
#else
#define COUNT 1500
#endif
#define MUTATIONS 6

static struct policy *policy_of(const char *text)
{
    struct report report = {0};
    struct policy *p;

    return policy_parse("p", text, strlen(text), NULL, NULL, &report, &p) == 0
               ? p
               : NULL;
}

/* What was told: "<kind> <about>: <words>" and a line's end for each. */
struct told {
    char text[32768];
    size_t length, kinds[3];
};

static void tell(void *arg, const struct change *c)
{
    struct told *t = arg;
    int n = snprintf(t->text + t->length, sizeof t->text - t->length,
                     "%c %s: %s\n", "-+~"[c->kind], c -> about, c -> words);

    t->kinds[c->kind]++;
    if (n > 0 && (size_t)n < sizeof t->text - t->length)
        t->length += (size_t)n;
}

static void compare(const struct policy *a, const struct policy *b,
                    struct told *t)
{
    t->length = 0;
    t->text[0] = 0;
    memset(t->kinds, 0, sizeof t->kinds);
    assert_int_equal(policy_compare(a, b, tell, t), 0);
}

/* ---- edits ---- */

#define HASH  "1d00112233445566778899aabbccddeeff00112233445566778899aabbccddee"
#define HASH2 "2d00112233445566778899aabbccddeeff00112233445566778899aabbccddee"

#define KEY_1 "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
#define KEY_2 "x25519:CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const char base[] =
    "policy: 1\n"
    "serial: 1\n"
    "sequence: concurrent\n"
    "models:\n"
    "  orion: {upstream: {endpoints: [\"http://127.0.0.1:1\"]}, apis: "
    "[openai.chat], release: 2027-02-01T00:00:00Z, budget: {tokens: 5G}}\n"
    "documents:\n"
    "  nda: {file: nda.txt, sha256: " HASH "}\n"
    "parties:\n"
    "  caisi:\n"
    "    kind: government\n"
    "    anchors: ca\n"
    "    networks: [10.0.0.0/9, 10.128.0.0/9]\n"
    "    revocation: {mode: ocsp-then-crl, crl: l.crl, fetch: "
    "[\"http://h/l\"], hosts: [o.h], responder: \"http://o.h/\", max_age: "
    "2h, cache: 1m}\n"
    "    sealing_key: " KEY_1 "\n"
    "    hours: {days: [mon, tue], from: \"08:00\", until: \"18:00\"}\n"
    "    people:\n"
    "      eva: {san_uri: \"sallyport://d/caisi/eva\"}\n"
    "      adam: {san_uri: \"sallyport://d/caisi/adam\"}\n"
    "  gao:\n"
    "    kind: auditor\n"
    "    anchors: ca\n"
    "    scope: [caisi]\n"
    "    people:\n"
    "      aud: {san_uri: \"sallyport://d/gao/aud\"}\n"
    "terms:\n"
    "  eval:\n"
    "    uses: [chat.completions, models]\n"
    "    nda: nda\n"
    "    fields: {n: {max: 4}, seed: allow, store: {force: false}, user: "
    "strip}\n"
    "    tools: {types: [function, bash_*], max: 8}\n"
    "    media: {data_urls: allow}\n"
    "    purpose: {values: [scan, fix], case: required}\n"
    "    anthropic: {betas: [a-1]}\n"
    "    budget: {window: {requests: 100}, person: {concurrent: 4}, request: "
    "{seconds: 60}}\n"
    "    response: {types: [application/json], remove: [x], coalesce: 20ms}\n"
    "    tripwires: [{name: many, when: \"requests_per_hour > 9\"}]\n"
    "    marking: {tlp: \"TLP:RED\"}\n"
    "windows:\n"
    "  - {party: caisi, model: orion, opens: 2027-01-01T00:00:00Z, lasts: 20d, "
    "terms: [eval]}\n";

static const struct {
    const char *find, *put, *told;
} edits[] = {
    {"serial: 1", "serial: 2", ""},
    {"sequence: concurrent", "sequence: government-first",
     "- the policy: sequence: government-first (was concurrent)\n"},
    {"sequence: concurrent", "sequence: concurrent\nbasis: order",
     "~ the policy: basis: order (was none)\n"},
    {"[openai.chat]", "[openai.chat, openai.responses]",
     "+ model orion: apis: now also responses\n"},
    {"127.0.0.1:1", "127.0.0.1:2",
     "~ model orion: endpoints: http://127.0.0.1:2 (was "
     "http://127.0.0.1:1)\n"},
    {"2027-02-01", "2027-01-11",
     "- model orion: release: 2027-01-11T00:00:00Z (was "
     "2027-02-01T00:00:00Z)\n"
     "- window caisi/orion/2027-01-01T00:00:00Z: closes: "
     "2027-01-11T00:00:00Z (was 2027-01-21T00:00:00Z)\n"},
    {"tokens: 5G", "tokens: 6G",
     "+ model orion: of all parties: tokens: 6000000000 (was 5000000000)\n"},
    {"kind: government", "kind: trusted-partner",
     "~ party caisi: kind: trusted-partner (was government)\n"},
    {"anchors: ca", "anchors: lab.pem",
     "- party caisi: anchors: no longer ca\n"
     "+ party caisi: anchors: now lab.pem\n"},
    {"anchors: ca", "anchors: ca\n    anchors_sha256: " HASH,
     "- party caisi: anchors_sha256: only the file's bytes of now\n"},
    {"anchors: ca", "anchors: ca\n    certificate_policies: [1.2.3]",
     "- party caisi: certificate policies: required now\n"},
    {"anchors: ca", "anchors: ca\n    eku: any",
     "+ party caisi: eku: any (was client)\n"},
    {"adam: {san_uri: \"sallyport://d/caisi/adam\"}",
     "adam: {upn: \"adam@lab | CN=CA\"}",
     "- party caisi: certificates that no longer match: adam\n"
     "+ party caisi: other certificates that match: adam\n"},
    /* the same addresses */
    {"[10.0.0.0/9, 10.128.0.0/9]", "[10.0.0.0/8]", ""},
    {"[10.0.0.0/9, 10.128.0.0/9]", "[10.0.0.0/9]",
     "- party caisi: networks: 10.0.0.0/9 (was 10.0.0.0/9, 10.128.0.0/9)\n"},
    {"[10.0.0.0/9, 10.128.0.0/9]", "[10.0.0.0/8, 192.0.2.1]",
     "+ party caisi: networks: 10.0.0.0/8, 192.0.2.1 (was 10.0.0.0/9, "
     "10.128.0.0/9)\n"},
    {"[10.0.0.0/9, 10.128.0.0/9]", "[192.0.2.0/24]",
     "- party caisi: networks: 192.0.2.0/24 (was 10.0.0.0/9, 10.128.0.0/9)\n"
     "+ party caisi: networks: 192.0.2.0/24 (was 10.0.0.0/9, "
     "10.128.0.0/9)\n"},
    {"mode: ocsp-then-crl, crl: l.crl, fetch: [\"http://h/l\"], hosts: "
     "[o.h], responder: \"http://o.h/\", max_age: 2h, cache: 1m",
     "mode: none", "+ party caisi: revocation: none (was ocsp-then-crl)\n"},
    {"mode: ocsp-then-crl, crl: l.crl, fetch: [\"http://h/l\"], hosts: [o.h], "
     "responder: \"http://o.h/\", max_age: 2h, cache: 1m",
     "mode: ocsp, hosts: [o.h], responder: \"http://o.h/\", max_age: 2h, "
     "cache: 1m",
     "- party caisi: revocation: ocsp (was ocsp-then-crl)\n"
     "+ party caisi: revocation lists: no longer of l.crl\n"
     "+ party caisi: revocation lists: no longer from http://h/l\n"},
    {"mode: ocsp-then-crl, crl: l.crl, fetch: [\"http://h/l\"], hosts: [o.h], "
     "responder: \"http://o.h/\"",
     "mode: crl, crl: l.crl, fetch: [\"http://h/l\"], hosts: [o.h]",
     "- party caisi: revocation: crl (was ocsp-then-crl)\n"
     "+ party caisi: revocation: crl (was ocsp-then-crl)\n"
     "~ party caisi: responder: none (was http://o.h/)\n"},
    {"fetch: [\"http://h/l\"], ", "fetch: [\"http://h/m\"], ",
     "+ party caisi: revocation lists: no longer from http://h/l\n"
     "- party caisi: revocation lists: also from http://h/m\n"},
    {"crl: l.crl, ", "",
     "+ party caisi: revocation lists: no longer of l.crl\n"},
    {"hosts: [o.h]", "hosts: [o.h, p.h]",
     "+ party caisi: hosts that certificates may name: now also p.h\n"},
    {"max_age: 2h", "max_age: 3h",
     "+ party caisi: max_age of revocation, ms: 10800000 (was 7200000)\n"},
    {"cache: 1m", "cache: 2s",
     "- party caisi: cache of revocation, ms: 2000 (was 60000)\n"},
    {"cache: 1m", "cache: 1m, timeout: 1s",
     "~ party caisi: timeout of responders, ms: 1000 (was 5000)\n"},
    {"    scope: [caisi]\n", "", "+ party gao: scope: all (was caisi)\n"},
    {"scope: [caisi]", "scope: [caisi, gao]",
     "+ party gao: scope: caisi, gao (was caisi)\n"},
    {"scope: [caisi]", "scope: [gao]",
     "- party gao: scope: gao (was caisi)\n"
     "+ party gao: scope: gao (was caisi)\n"},
    {"    networks: [10.0.0.0/9, 10.128.0.0/9]\n", "",
     "+ party caisi: networks: any (was 10.0.0.0/9, 10.128.0.0/9)\n"},
    {"[mon, tue]", "[mon]",
     "- party caisi: hours: 10.0 hours of a week less\n"},
    {"\"18:00\"", "\"18:30\"",
     "+ party caisi: hours: 1.0 hours of a week more\n"},
    {"[mon, tue]", "[tue, wed]",
     "- party caisi: hours: 10.0 hours of a week less\n"
     "+ party caisi: hours: 10.0 hours of a week more\n"},
    {"      adam: {san_uri: \"sallyport://d/caisi/adam\"}\n", "",
     "- party caisi: people who are gone: adam\n"},
    {"adam: {", "zoe: {",
     "- party caisi: people who are gone: adam\n"
     "+ party caisi: new people: zoe\n"},
    {"d/caisi/adam", "d/caisi/other",
     "- party caisi: certificates that no longer match: adam\n"
     "+ party caisi: other certificates that match: adam\n"},
    {"[chat.completions, models]", "[chat.completions]",
     "- window caisi/orion/2027-01-01T00:00:00Z: uses: no longer models\n"},
    {"    nda: nda\n", "    nda: nda2\n", NULL},
    {HASH, HASH2,
     "- terms eval: nda: another text of nda has to be accepted, by all who "
     "did not yet\n"},
    {"n: {max: 4}", "n: {max: 2}",
     "- terms eval: field n: at most 2 (was at most 4)\n"},
    {"n: {max: 4}", "n: allow",
     "+ terms eval: field n: allowed (was at most 4)\n"},
    {"n: {max: 4}", "n: deny",
     "- terms eval: field n: refused (was at most 4)\n"},
    {"n: {max: 4}", "n: strip",
     "+ terms eval: field n: taken out (was at most 4)\n"},
    {"seed: allow, ", "", "- terms eval: field seed: refused (was allowed)\n"},
    {"seed: allow, ", "seed: allow, others: strip, ",
     "+ terms eval: field others: taken out (was refused)\n"},
    {"store: {force: false}", "store: {force: true}",
     "~ terms eval: field store: set to true (was false)\n"},
    {"user: strip", "user: allow",
     "+ terms eval: field user: allowed (was taken out)\n"},
    /* what already had it */
    {"[function, bash_*]", "[function, bash_*, bash_20250124]", ""},
    {"[function, bash_*]", "[function, bash_20250124]",
     "- terms eval: tools: no longer bash_*\n"},
    {"[function, bash_*]", "[custom, function, bash_*]",
     "+ terms eval: tools: now also custom\n"},
    {"max: 8", "max: 9", "+ terms eval: tools in a request: 9 (was 8)\n"},
    {"    tools: {types: [function, bash_*], max: 8}\n", "",
     "- terms eval: tools: no longer function, bash_*\n"},
    {"data_urls: allow", "data_urls: deny",
     "- terms eval: media inside of requests: no (was yes)\n"},
    {"data_urls: allow", "data_urls: allow, remote_urls: allow",
     "+ terms eval: media that the endpoint fetches: yes (was no)\n"},
    {"[scan, fix]", "[scan]",
     "- terms eval: x-sallyport-purpose: no longer fix\n"},
    {"values: [scan, fix], ", "",
     "+ terms eval: x-sallyport-purpose: any (was scan, fix)\n"},
    {"{values: [scan, fix]", "{required: false, values: [scan, fix]",
     "+ terms eval: x-sallyport-purpose required: no (was yes)\n"},
    {"case: required", "case: optional",
     "+ terms eval: x-sallyport-case required: no (was yes)\n"},
    {"{betas: [a-1]}", "{betas: [a-1], versions: [2023-06-01]}",
     "- terms eval: anthropic-version: only 2023-06-01 (was any)\n"},
    {"[a-1]", "[a-2]",
     "- terms eval: anthropic-beta: no longer a-1\n"
     "+ terms eval: anthropic-beta: now also a-2\n"},
    {"requests: 100}", "requests: 90}",
     "- terms eval: of a window: requests: 90 (was 100)\n"},
    {"requests: 100}", "tokens: 5}",
     "+ terms eval: of a window: requests: no limit (was 100)\n"
     "- terms eval: of a window: tokens: 5 (was no limit)\n"},
    {"concurrent: 4", "concurrent: 5",
     "+ terms eval: of a person: concurrent: 5 (was 4)\n"},
    {"concurrent: 4", "concurrent: 4, addresses: 2",
     "- terms eval: of a person: addresses: 2 (was no limit)\n"},
    {"seconds: 60", "seconds: 50",
     "- terms eval: of a request: ms: 50000 (was 60000)\n"},
    {"seconds: 60", "seconds: 60, tokens: 200k",
     "- terms eval: of a request: tokens held back for its answer: 200000 "
     "(was 131072)\n"},
    {"[application/json]", "[text/event-stream]",
     "- terms eval: answers of application/json: no (was yes)\n"
     "+ terms eval: answers of text/event-stream: yes (was no)\n"},
    {"remove: [x]", "remove: [y]",
     "+ terms eval: answers: x is no longer taken out\n"
     "- terms eval: answers: y is taken out\n"},
    {"remove: [x]", "remove: [x], reasoning: strip",
     "- terms eval: answers: reasoning is taken out: yes (was no)\n"},
    {"20ms", "30ms",
     "~ terms eval: answers: ms that events are held: 30 (was 20)\n"},
    {"    marking: {tlp: \"TLP:RED\"}\n", "    transcripts: none\n",
     "~ terms eval: marking: none (was TLP:RED)\n"
     "~ terms eval: transcripts: none (was commitment)\n"},
    {"> 9\"", "> 8\"",
     "- terms eval: tripwire many: requests_per_hour > 8 suspends (was "
     "requests_per_hour > 9 suspends)\n"},
    {"> 9\"", "> 9\", action: alert",
     "+ terms eval: tripwire many is gone: requests_per_hour > 9 suspends\n"},
    {"name: many", "name: more",
     "+ terms eval: tripwire many is gone: requests_per_hour > 9 suspends\n"
     "- terms eval: tripwire more: requests_per_hour > 9 suspends\n"},
    {"lasts: 20d", "lasts: 21d",
     "+ window caisi/orion/2027-01-01T00:00:00Z: closes: "
     "2027-01-22T00:00:00Z (was 2027-01-21T00:00:00Z)\n"},
    {"opens: 2027-01-01", "opens: 2027-01-02",
     "- window caisi/orion/2027-01-02T00:00:00Z: opens: "
     "2027-01-02T00:00:00Z (was 2027-01-01T00:00:00Z)\n"
     "+ window caisi/orion/2027-01-02T00:00:00Z: closes: "
     "2027-01-22T00:00:00Z (was 2027-01-21T00:00:00Z)\n"
     "- window caisi/orion/2027-01-02T00:00:00Z: "
     "caisi/orion/2027-01-01T00:00:00Z is closed, this one is another\n"},
    {"terms: [eval]}\n",
     "terms: [eval]}\n  - {party: caisi, model: orion, opens: "
     "2027-01-25T00:00:00Z, lasts: 5d, terms: [eval]}\n",
     "+ window caisi/orion/2027-01-25T00:00:00Z: is new: from "
     "2027-01-25T00:00:00Z to 2027-01-30T00:00:00Z\n"},
    {"terms: [eval]}\n",
     "terms: [eval], agreement: {id: A, sha256: " HASH "}}\n",
     "~ window caisi/orion/2027-01-01T00:00:00Z: agreement: A (was none)\n"},
    {"    sealing_key: " KEY_1 "\n", "",
     "~ party caisi: sealing_key: none (was " KEY_1 ")\n"},
    {"sequence: concurrent\n",
     "sequence: concurrent\nescrow: {first: \"" KEY_1 "\", second: \"" KEY_2
     "\"}\n",
     "~ the policy: transcripts are sealed to two officers, too: yes (was "
     "no)\n"},
    {KEY_1, KEY_2, "~ party caisi: sealing_key: " KEY_2 " (was " KEY_1 ")\n"},
    {"    marking:", "    transcripts: sealed\n    marking:",
     "~ terms eval: transcripts: sealed (was commitment)\n"},
    {"terms: [eval]}\n",
     "terms: [eval]}\nfindings: {sealing_key: "
     "\"x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\"}\n",
     "+ the policy: findings are taken: yes (was no)\n"},
};

/* The text with the first `find` replaced. Free it. */
static char *edited(const char *text, const char *find, const char *put)
{
    const char *at = strstr(text, find);
    char *out;

    if (at == NULL)
        fail_msg("the policy has no \"%s\"", find);
    if (asprintf(&out, "%.*s%s%s", (int)(at - text), text, put,
                 at + strlen(find)) < 0)
        fail_msg("out of memory");
    return out;
}

static void edits_are_told(void **state)
{
    struct policy *p = policy_of(base);
    static struct told t;

    (void)state;
    assert_non_null(p);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char *text = edited(base, edits[i].find, edits[i].put);
        struct policy *q = policy_of(text);

        if (q == NULL && edits[i].told != NULL)
            fail_msg("%s, edited to %s, does not load", edits[i].find,
                     edits[i].put);
        if (q != NULL && edits[i].told != NULL) {
            compare(p, q, &t);
            if (strcmp(t.text, edits[i].told) != 0)
                fail_msg("%s -> %s:\n%sexpected\n%s", edits[i].find,
                         edits[i].put, t.text, edits[i].told);
            compare(q, p, &t);
            assert_int_equal(t.length == 0, edits[i].told[0] == 0);
        }
        policy_free(q);
        free(text);
    }
    policy_free(p);
}

/* Terms that are called otherwise are compared all the same, with those that
 * the same uses were under. */
static void renamed_terms_are_followed(void **state)
{
    char *a = edited(base, "  eval:\n", "  other:\n");
    char *b = edited(a, "terms: [eval]", "terms: [other]");
    char *c = edited(b, "seed: allow, ", "");
    struct policy *p = policy_of(base), *q = policy_of(b), *r = policy_of(c);
    static struct told t;

    (void)state;
    assert_true(p != NULL && q != NULL && r != NULL);
    compare(p, q, &t);
    assert_string_equal(t.text, "");
    compare(p, r, &t);
    assert_string_equal(t.text, "- terms other for what was under eval: field "
                                "seed: refused (was allowed)\n");
    policy_free(p);
    policy_free(q);
    policy_free(r);
    free(a);
    free(b);
    free(c);
}

/* ---- random changes ---- */

static char *printed(const char *text)
{
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);
    struct report report = {0};
    int r = policy_print("p", text, strlen(text), f, &report);

    fclose(f);
    if (r == 0)
        return out;
    free(out);
    return NULL;
}

/* One line without its end, or NULL if there are not so many. */
static char *line_at(char *text, unsigned n, size_t *length)
{
    for (; n > 0 && *text != 0; n--) {
        text = strchr(text, '\n');
        if (text == NULL)
            return NULL;
        text++;
    }
    *length = strcspn(text, "\n");
    return *text == 0 ? NULL : text;
}

static unsigned lines_of(const char *text)
{
    unsigned n = 0;

    for (; *text != 0; text++)
        n += *text == '\n';
    return n;
}

/* 0: takes a line out; 1: another digit in it; 2: puts another policy's line
 * of the same name in its place. */
static char *mutated(struct random_policy *g, unsigned how, const char *text,
                     const char *other)
{
    char *out = strdup(text), *more = strdup(other), *line, *from;
    size_t length = 0, room;

    assert_true(out != NULL && more != NULL);
    line = line_at(out, random_any(g, lines_of(out)), &length);
    if (line != NULL && how == 0) {
        memmove(line, line + length + 1, strlen(line + length + 1) + 1);
    } else if (line != NULL && how == 1) {
        for (size_t i = 0; i < length; i++)
            if (line[i] >= '1' && line[i] <= '9') {
                line[i] = (char)('1' + random_any(g, 9));
                break;
            }
    } else if (line != NULL) {
        size_t name = strcspn(line, ":\n") + 1;
        char *key = strndup(line, name + 1), *whole;

        from = key == NULL ? NULL : strstr(more, key);
        room = from == NULL ? 0 : strcspn(from, "\n");
        if (from != NULL && asprintf(&whole, "%.*s%.*s%s", (int)(line - out),
                                     out, (int)room, from, line + length) > 0) {
            free(out);
            out = whole;
        }
        free(key);
    }
    free(more);
    return out;
}

/* ---- what was decided before and now ---- */

struct side {
    struct policy *p;
    struct standing *s;
    uint64_t n;
};

static void record(struct side *d, struct entry *e, int64_t now)
{
    e->n = d->n++;
    e->t = now;
    if (standing_apply(d->s, e) != 0)
        fail_msg("%s", standing_error(d->s));
}

static void side_begin(struct side *d, struct policy *p)
{
    struct entry opened = {.kind = ENTRY_LOG_OPENED,
                           .u.log_opened = {"o", "1", "v", NULL}};
    struct entry loaded = {.kind = ENTRY_POLICY_LOADED,
                           .u.policy_loaded = {.serial = p->serial}};

    *d = (struct side){.p = p, .s = standing_new()};
    assert_non_null(d->s);
    memcpy(loaded.u.policy_loaded.sha256, p->sha256, sizeof p->sha256);
    record(d, &opened, RANDOM_BASE - RANDOM_DAY);
    record(d, &loaded, RANDOM_BASE - RANDOM_DAY);
    assert_int_equal(standing_bind(d->s, p), 0);
}

static void side_advance(struct side *d, int64_t now)
{
    struct entry e;

    while (standing_due(d->s, now, true, &e))
        record(d, &e, now);
}

static struct facts facts_in(const struct policy *p, const struct policy *q,
                             const struct facts *f)
{
    struct facts g = *f;
    int party = policy_find_party(q, p->parties[f->party].name);
    int person = party < 0 ? -1
                           : policy_find_person(q, (uint32_t)party,
                                                p->people[f->person].name);

    g.party = party < 0 ? FACTS_NOBODY : (uint32_t)party;
    g.person = person < 0 ? FACTS_NOBODY : (uint32_t)person;
    return g;
}

/* A request that a window of the policy is made for, with a field, a tool, a
 * purpose and so on. */
static struct facts facts_any(struct random_policy *g, const struct policy *p,
                              int64_t now)
{
    const struct policy_window *w =
        &p->windows[random_any(g, (unsigned)p->nwindows)];
    const struct policy_party *party = &p->parties[w->party];
    const struct policy_terms *t =
        &p->terms[w->terms[random_any(g, (unsigned)w->nterms)]];
    static const char *const addresses[] = {"192.0.2.1", "10.1.2.3",
                                            "2001:db8::1"};
    struct facts f = {.party = w->party,
                      .person = party->first + random_any(g, party->npeople),
                      .cert_not_after = now + RANDOM_DAY,
                      .method = METHOD_POST,
                      .max_tokens = -1,
                      .body_bytes = random_any(g, 4096)};
    uint16_t row = (uint16_t)random_any(g, (unsigned)field_count());

    snprintf(f.address, sizeof f.address, "%s", addresses[random_any(g, 3)]);
    snprintf(f.model, sizeof f.model, "%s", p->models[w->model].name);
    f.route = (enum route)__builtin_ctz(t->uses);
    if (field_info(row)->routes & 1u << f.route && random_any(g, 2) == 0) {
        int slot = field_number_slot(row);

        field_set_add(&f.fields, row);
        if (slot >= 0)
            f.fields.number[slot] = random_any(g, 5) * 1000000;
    }
    if (random_any(g, 4) == 0 && t->ntool_types > 0) {
        f.tools = 1 + random_any(g, 3);
        snprintf(f.tool_types, sizeof f.tool_types, "%s",
                 t->tool_types[random_any(g, (unsigned)t->ntool_types)]);
    }
    if (random_any(g, 8) != 0)
        snprintf(f.case_id, sizeof f.case_id, "c");
    if (random_any(g, 8) != 0)
        snprintf(f.purpose, sizeof f.purpose, "%s",
                 t->npurposes > 0
                     ? t->purposes[random_any(g, (unsigned)t->npurposes)]
                     : "p");
    if (random_any(g, 4) == 0 && t->nbetas > 0)
        snprintf(f.betas, sizeof f.betas, "%s",
                 t->betas[random_any(g, (unsigned)t->nbetas)]);
    f.media = (uint8_t)random_any(g, 4);
    return f;
}

struct tally {
    unsigned loaded, told, lost, won;
};

/* Within a window, or near it. */
static int64_t time_of(struct random_policy *g, const struct policy *p)
{
    const struct policy_window *w =
        &p->windows[random_any(g, (unsigned)p->nwindows)];

    return w->opens + random_any(g, 4 * 86400) * 1000LL - 1000;
}

static void ask(struct random_policy *g, struct policy *p, struct policy *q,
                const struct told *told, struct tally *t)
{
    struct side was, is;
    int64_t now = time_of(g, p);

    side_begin(&was, p);
    side_begin(&is, q);
    side_advance(&was, now);
    side_advance(&is, now);
    for (unsigned i = 0; i < 40; i++) {
        struct facts f, h;
        struct verdict v, w;

        f = facts_any(g, p, now);
        h = facts_in(p, q, &f);
        v = policy_decide(p, was.s, &f, now, CLOCK_GOOD);
        w = policy_decide(q, is.s, &h, now, CLOCK_GOOD);
        if (v.reason == REASON_NONE && w.reason != REASON_NONE) {
            t->lost++;
            if (told->kinds[CHANGE_NARROWER] == 0)
                fail_msg("now refused as %s, but told was:\n%s",
                         reason_info(w.reason)->code, told->text);
        } else if (v.reason != REASON_NONE && w.reason == REASON_NONE) {
            t->won++;
            if (told->kinds[CHANGE_WIDER] == 0)
                fail_msg("no longer refused as %s, but told was:\n%s",
                         reason_info(v.reason)->code, told->text);
        }
    }
    standing_free(was.s);
    standing_free(is.s);
}

/* Lines of the file itself, not of what it means; a document is its hash. */
static bool is_of_the_file(const char *a, const char *b)
{
    size_t n = 0, from;
    static const char *const names[] = {
        "serial:", "replaces:", "author:", "file:"};

    while (a[n] != 0 && a[n] == b[n])
        n++;
    for (from = n; from > 0 && a[from - 1] != '\n'; from--)
        ;
    from += strspn(a + from, " ");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(a + from, names[i], strlen(names[i])) == 0 ||
            strncmp(b + from, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static void one_change(struct random_policy *g, struct policy *p,
                       const char *text, const char *other, struct tally *t)
{
    static struct told told;
    unsigned how = random_any(g, 3);
    char *changed = mutated(g, how, text, other);
    struct policy *q = policy_of(changed);
    char *again = q == NULL ? NULL : printed(changed);

    if (again != NULL && strcmp(again, text) != 0 &&
        !is_of_the_file(again, text)) {
        t->loaded++;
        compare(p, q, &told);
        t->told += told.length > 0;
        if (told.length == 0 && how == 1) /* no default, no second spelling */
            fail_msg("another digit is not told:\n%s", again);
        ask(g, p, q, &told, t);
    }
    free(again);
    free(changed);
    policy_free(q);
}

static void P8_changes_are_told(void **state)
{
    struct tally t = {0};

    (void)state;
    for (unsigned seed = 0; seed < COUNT; seed++) {
        struct random_policy g = {.seed = seed * 2246822519u + 3};
        char *raw = random_policy_text(seed, NULL, 0, NULL);
        char *more = random_policy_text(seed + 1, NULL, 0, NULL);
        char *text = printed(raw), *other = printed(more);
        struct policy *p = policy_of(text);

        assert_true(p != NULL && other != NULL);
        for (unsigned i = 0; i < MUTATIONS; i++)
            one_change(&g, p, text, other, &t);
        policy_free(p);
        free(raw);
        free(more);
        free(text);
        free(other);
    }
    print_message("%u changes, %u told; %u requests lost, %u won\n", t.loaded,
                  t.told, t.lost, t.won);
    /* Lines that say what holds without them, or say it twice, are rare. */
    assert_true(t.loaded >= COUNT && t.told * 10 >= t.loaded * 9);
    assert_true(t.lost >= COUNT / 50 && t.won >= COUNT / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_are_told),
        cmocka_unit_test(renamed_terms_are_followed),
        cmocka_unit_test(P8_changes_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
