/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A party's revocation: what it means, what is refused and how that is said,
 * and which URLs may be asked for, those of strangers' certificates among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"

/* The party's files are there but for "none.crl". */
static int file(void *arg, const char *name, const uint8_t **data,
                size_t *length)
{
    (void)arg;
    *data = NULL;
    *length = 0;
    return strcmp(name, "none.crl") == 0 ? SP_ENOENT : 0;
}

/* What is said of it; *p NULL: it is refused. */
static char *say(const char *revocation, struct policy **p)
{
    char *yaml, *said = NULL;
    size_t size;
    struct report report = {.out = open_memstream(&said, &size)};

    assert_true(asprintf(&yaml,
                         "policy: 1\nserial: 1\nmodels: {m: {upstream: "
                         "{endpoints: [\"unix:/m\"]}, apis: [openai.chat]}}\n"
                         "terms: {t: {}}\nparties:\n  a:\n"
                         "    kind: government\n"
                         "    anchors: a.pem\n"
                         "    revocation: %s\n"
                         "    people: {e: {san_uri: \"x://e\"}}\n"
                         "windows: [{party: a, model: m, opens: "
                         "2026-11-01T00:00:00Z, lasts: 1d, terms: [t]}]\n",
                         revocation) > 0);
    assert_non_null(report.out);
    (void)!policy_parse("p", yaml, strlen(yaml), file, NULL, &report, p);
    fclose(report.out);
    free(yaml);
    return said;
}

static void it_is_what_it_says(void **state)
{
    struct policy *p;
    char *said =
        say("{mode: ocsp-then-crl, crl: l.crl, fetch: [\"http://h/l\", "
            "\"http://192.0.2.1:81/m?x=1\"], hosts: [o.example, "
            "192.0.2.1, h2.example], responder: "
            "\"http://o.example/\", max_age: 36h, cache: 1s, timeout: "
            "200ms}",
            &p);
    const struct policy_revocation *r;

    (void)state;
    assert_string_equal(said, "");
    r = &p->parties[0].revocation;
    assert_int_equal(r->mode, POLICY_REVOCATION_OCSP_THEN_CRL);
    assert_string_equal(r->crl, "l.crl");
    assert_int_equal(r->nfetch, 2);
    assert_string_equal(r->fetch[1], "http://192.0.2.1:81/m?x=1");
    assert_int_equal(r->nhosts, 3);
    assert_string_equal(r->responder, "http://o.example/");
    assert_int_equal(r->max_age_ms, 36 * 3600000);
    assert_int_equal(r->ocsp_cache_ms, 1000);
    assert_int_equal(r->timeout_ms, 200);
    assert_true(policy_revocation_allows(r, "o.example"));
    assert_true(policy_revocation_allows(r, "192.0.2.1"));
    assert_false(policy_revocation_allows(r, "example"));
    assert_false(policy_revocation_allows(r, ""));
    policy_free(p);
    free(said);

    said = say("{fetch: [\"http://h/l\"]}", &p); /* lists say the mode */
    assert_string_equal(said, "");
    r = &p->parties[0].revocation;
    assert_int_equal(r->mode, POLICY_REVOCATION_CRL);
    assert_int_equal(r->max_age_ms, 24 * 3600000);
    assert_int_equal(r->ocsp_cache_ms, 300000);
    assert_int_equal(r->timeout_ms, 5000);
    policy_free(p);
    free(said);
}

static void wrong_ones_are_refused_to_the_word(void **state)
{
    static const struct {
        const char *revocation, *said;
    } rows[] = {
        {"{mode: none}", ""},
        {"{mode: ocsp, hosts: [h]}", ""},
        {"{mode: crl, crl: l.crl, hosts: [h]}", ""},
        {"{}", "p:9:5: revocation without a mode: expected mode: crl, ocsp, "
               "ocsp-then-crl or none\n"},
        {"{responder: \"http://h/\"}",
         "p:9:5: revocation without a mode: expected mode: crl, ocsp, "
         "ocsp-then-crl or none\n"},
        {"{mode: sometimes}",
         "p:9:24: bad mode \"sometimes\": expected none, crl, ocsp or "
         "ocsp-then-crl\n"},
        {"{mode: crl}", "p:9:5: revocation by lists without any list: "
                        "expected \"crl\" or \"fetch\" beside it, or "
                        "\"hosts\" that certificates may name\n"},
        {"{mode: ocsp}",
         "p:9:5: revocation by a responder without any to ask: expected "
         "\"responder\", or \"hosts\" that certificates may name\n"},
        {"{mode: ocsp-then-crl, hosts: [h]}", ""},
        {"{mode: ocsp, hosts: [h], crl: l.crl}",
         "p:9:5: lists that this mode does not look at: expected mode crl or "
         "ocsp-then-crl, or neither \"crl\" nor \"fetch\"\n"},
        {"{crl: l.crl, responder: \"http://h/\"}",
         "p:9:5: a responder that this mode does not ask: expected mode ocsp "
         "or ocsp-then-crl, or no \"responder\"\n"},
        {"{mode: none, hosts: [h]}",
         "p:9:5: hosts that this mode does not ask: expected another mode, or "
         "no \"hosts\"\n"},
        {"{mode: none, crl: l.crl}",
         "p:9:5: lists that this mode does not look at: expected mode crl or "
         "ocsp-then-crl, or neither \"crl\" nor \"fetch\"\n"},
        {"{crl: none.crl}", "p:9:23: file \"none.crl\": not found: expected "
                            "a file of revocation lists\n"},
        {"{crl: ../l.crl}", NULL},
        {"{fetch: []}", NULL},
        {"{fetch: [\"https://h/l\"]}",
         "p:9:26: bad URL \"https://h/l\": expected "
         "http://HOST[:PORT]/PATH\n"},
        {"{mode: ocsp, responder: \"http://u@h/\"}",
         "p:9:41: bad URL \"http://u@h/\": expected "
         "http://HOST[:PORT]/PATH\n"},
        {"{mode: ocsp, hosts: [H.example]}",
         "p:9:38: bad host \"H.example\": expected a name in lower case or an "
         "address, without a port\n"},
        {"{mode: ocsp, hosts: [\"h:80\"]}",
         "p:9:38: bad host \"h:80\": expected a name in lower case or an "
         "address, without a port\n"},
        {"{crl: l.crl, max_age: 59s}", NULL},
        {"{crl: l.crl, max_age: 31d}", NULL},
        {"{crl: l.crl, cache: 61m}", NULL},
        {"{crl: l.crl, timeout: 99ms}", NULL},
        {"{crl: l.crl, timeout: 31s}", NULL},
        {"{crl: l.crl, until: never}", NULL},
        {"l.crl", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct policy *p;
        char *said = say(rows[i].revocation, &p);

        if (rows[i].said != NULL && strcmp(said, rows[i].said) != 0)
            fail_msg("%s: wanted %shave %s", rows[i].revocation, rows[i].said,
                     said);
        assert_true((p != NULL) == (said[0] == 0));
        assert_true((p != NULL) ==
                    (rows[i].said != NULL && rows[i].said[0] == 0));
        policy_free(p);
        free(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_it_says),
        cmocka_unit_test(wrong_ones_are_refused_to_the_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
