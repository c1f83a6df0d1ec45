/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies and settings from YAML: a right one to the last field, the wrong
 * ones with every word that is said about them, and damage at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "policy/schemas.h"
#include "policy/settings.h"
#include "tests/unit/policy/good.h"
#include "tests/unit/policy/wrong.h"

#define DAY 86400000LL

/* Every file that the policy names is there, but those called so. */
static int file_of_test(void *arg, const char *name, const uint8_t **data,
                        size_t *length)
{
    (void)arg;
    *data = (const uint8_t *)(strcmp(name, "escape") == 0 ? "\033[2J" : "");
    *length = strlen((const char *)*data);
    return strstr(name, "missing") || strstr(name, "none") ? SP_ENOENT : 0;
}

/* Parses and gives what was said; the caller frees both. */
static int policy_say(const char *text, size_t length, char **said,
                      struct policy **p)
{
    struct report report = {0};
    size_t size;
    int r;

    report.out = open_memstream(said, &size);
    assert_non_null(report.out);
    r = policy_parse("policy.yaml", text, length, file_of_test, NULL, &report,
                     p);
    fclose(report.out);
    assert_int_equal(r == SP_EINVAL, report.errors > 0);
    assert_int_equal(r == 0, *p != NULL);
    return r;
}

static int settings_say(const char *text, size_t length, char **said,
                        struct settings **s)
{
    struct report report = {0};
    size_t size;
    int r;

    report.out = open_memstream(said, &size);
    assert_non_null(report.out);
    r = settings_parse("sallyport.yaml", text, length, "/srv/gate", &report, s);
    fclose(report.out);
    assert_int_equal(r == SP_EINVAL, report.errors > 0);
    assert_int_equal(r == 0, *s != NULL);
    return r;
}

static struct policy *policy_good(void)
{
    struct policy *p;
    char *said;

    if (policy_say(good_policy, strlen(good_policy), &said, &p) != 0)
        fail_msg("%s", said);
    free(said);
    return p;
}

/* `text` with the first `find` replaced. */
static char *text_replace(const char *text, const char *find,
                          const char *replace)
{
    const char *at = strstr(text, find);
    char *out;

    assert_non_null(at);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, replace,
                         at + strlen(find)) >= 0);
    return out;
}

static void documents_and_findings_are_read(void **state)
{
    char *with = text_replace(
        good_policy, "developer: Acme AI, Inc.\n",
        "documents:\n  nda-v3: {file: nda/v3.txt, sha256: " EMPTY "}\n"
        "findings: {sealing_key: "
        "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=}\n");
    char *text = text_replace(with, "  evaluation:\n",
                              "  evaluation:\n    nda: nda-v3\n");
    struct policy *p;
    char *said;

    (void)state;
    if (policy_say(text, strlen(text), &said, &p) != 0)
        fail_msg("%s", said);
    assert_int_equal(p->ndocuments, 1);
    assert_string_equal(p->documents[0].name, "nda-v3");
    assert_string_equal(p->documents[0].file, "nda/v3.txt");
    assert_int_equal(p->documents[0].sha256[0], 0xe3);
    assert_int_equal(policy_find_document(p, "nda-v3"), 0);
    assert_int_equal(policy_find_document(p, "nda-v2"), -1);
    assert_int_equal(p->terms[0].nda, 0);
    assert_int_equal(p->terms[1].nda, 0); /* extends the first */
    assert_int_equal(p->terms[2].nda, POLICY_NO_DOCUMENT);
    assert_true(policy_party_document(p, 0, 0));
    assert_false(policy_party_document(p, 1, 0));
    assert_true(p->has_findings);
    assert_int_equal(p->findings_key[0], 0x85);
    assert_int_equal(p->findings_max, 65536);
    policy_free(p);
    free(said);
    free(text);
    free(with);
}

static void right_policy_is_read(void **state)
{
    struct policy *p = policy_good();
    const struct policy_model *m = &p->models[0];
    const struct policy_terms *t;

    (void)state;
    assert_int_equal(p->serial, 7);
    assert_false(p->has_replaces);
    assert_string_equal(p->developer, "Acme AI, Inc.");
    assert_int_equal(p->sequence, SEQUENCE_GOVERNMENT_FIRST);
    assert_string_equal(m->upstream_name, "orion-x7");
    assert_int_equal(m->nendpoints, 2);
    assert_int_equal(m->endpoints[0].scheme, ENDPOINT_HTTPS);
    assert_string_equal(m->endpoints[0].host, "10.1.2.3");
    assert_int_equal(m->endpoints[0].port, 8443);
    assert_string_equal(m->endpoints[0].path, "/v2");
    assert_int_equal(m->endpoints[1].scheme, ENDPOINT_UNIX);
    assert_string_equal(m->endpoints[1].path, "/run/m");
    assert_int_equal(
        m->apis, 1u << ROUTE_CHAT_COMPLETIONS | 1u << ROUTE_COMPLETIONS |
                     1u << ROUTE_MESSAGES | 1u << ROUTE_MESSAGES_COUNT_TOKENS);
    assert_int_equal(p->npeople, 3);
    assert_int_equal(p->people[1].kind, PERSON_SERVICE);
    assert_int_equal(p->people[1].spki_sha256[1], 0x01);
    assert_int_equal(p->people[2].party, 1);
    t = &p->terms[0];
    assert_int_equal(t->uses, 1u << ROUTE_CHAT_COMPLETIONS |
                                  1u << ROUTE_MESSAGES | 1u << ROUTE_MODELS |
                                  1u << ROUTE_MODEL);
    assert_int_equal(t->window.total[UNIT_REQUESTS], 5000000);
    assert_int_equal(t->person.total[UNIT_REQUESTS], 500000);
    assert_int_equal(t->person.concurrent, 3);
    assert_int_equal(t->person.requests_per_minute, 60);
    assert_int_equal(t->request_bytes, 1 << 20);
    assert_int_equal(t->request_ms, 90000);
    t = &p->terms[1]; /* extends the first */
    assert_int_equal(t->uses, 1u << ROUTE_COMPLETIONS);
    assert_int_equal(t->window.total[UNIT_REQUESTS], 9);
    assert_int_equal(t->person.concurrent, 3);
    assert_int_equal(t->request_bytes, 1 << 20);
    t = &p->terms[2]; /* empty: what is safe */
    assert_int_equal(t->uses, 1u << ROUTE_CHAT_COMPLETIONS);
    assert_int_equal(t->window.total[UNIT_REQUESTS], -1);
    assert_int_equal(t->person.total[UNIT_REQUESTS], -1);
    assert_int_equal(t->person.concurrent, 64);
    assert_int_equal(t->person.requests_per_minute, 600);
    assert_int_equal(t->request_bytes, LIMIT_BODY_DEFAULT_BYTES);
    assert_int_equal(t->request_ms, 3600000);
    assert_int_equal(p->nwindows, 2);
    assert_string_equal(p->windows[0].id, "caisi/orion/2026-11-01T00:00:00Z");
    assert_int_equal(p->windows[0].closes - p->windows[0].opens, 10 * DAY);
    assert_ptr_equal(policy_terms_for(p, &p->windows[0], ROUTE_COMPLETIONS),
                     &p->terms[1]);
    assert_null(policy_terms_for(p, &p->windows[1], ROUTE_MESSAGES));
    assert_int_equal(policy_find_person(p, 1, "ann"), 2);
    assert_int_equal(policy_find_person(p, 0, "ann"), -1);
    policy_free(p);
}

static void windows_end_when_the_model_is_released(void **state)
{
    char *text = text_replace(good_policy, "build: orion/7.3.1",
                              "release: 2026-11-15T00:00:00Z");
    struct policy *p;
    char *said;

    (void)state;
    assert_int_equal(policy_say(text, strlen(text), &said, &p), 0);
    assert_int_equal(p->windows[1].closes - p->windows[1].opens, 4 * DAY);
    free(text);
    free(said);
    policy_free(p);
}

static void windows_are_sorted_by_opening(void **state)
{
    char *text =
        text_replace(good_policy, "windows:\n",
                     "windows:\n  - {party: caisi, model: orion, opens: "
                     "2026-10-25T00:00:00Z, lasts: 7d, terms: "
                     "[evaluation]}\n"
                     "  - {party: caisi, model: orion, opens: "
                     "2026-10-20T00:00:00Z, lasts: 2d, terms: "
                     "[evaluation]}\n");
    struct policy *p;
    char *said;

    (void)state;
    if (policy_say(text, strlen(text), &said, &p) != 0)
        fail_msg("%s", said);
    for (size_t i = 1; i < p->nwindows; i++)
        assert_true(p->windows[i - 1].opens <= p->windows[i].opens);
    free(text);
    free(said);
    policy_free(p);
}

static void wrong_policies_are_refused_to_the_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_policies / sizeof *wrong_policies;
         i++) {
        const struct wrong *w = &wrong_policies[i];
        char *text = text_replace(good_policy, w->find, w->replace), *said;
        struct policy *p;

        assert_int_equal(policy_say(text, strlen(text), &said, &p), SP_EINVAL);
        if (strcmp(said, w->said) != 0)
            fail_msg("%s → %s:\nwanted %s\nhave %s", w->find, w->replace,
                     w->said, said);
        free(said);
        free(text);
    }
}

static void wrong_settings_are_refused_to_the_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_settings / sizeof *wrong_settings;
         i++) {
        const struct wrong *w = &wrong_settings[i];
        char *text = text_replace(good_settings, w->find, w->replace), *said;
        struct settings *s;

        assert_int_equal(settings_say(text, strlen(text), &said, &s),
                         SP_EINVAL);
        if (strcmp(said, w->said) != 0)
            fail_msg("%s → %s:\nwanted %s\nhave %s", w->find, w->replace,
                     w->said, said);
        free(said);
        free(text);
    }
}

static void nothing_is_not_a_policy(void **state)
{
    static const char *const texts[] = {
        "", "\n\n", "# a comment\n", "---\n", "text", "- a\n- b\n", "...\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct policy *p;
        char *said;

        assert_int_equal(policy_say(texts[i], strlen(texts[i]), &said, &p),
                         SP_EINVAL);
        assert_memory_equal(said, "policy.yaml:", 12);
        free(said);
    }
}

static void large_files_are_refused(void **state)
{
    char *text = malloc(LIMIT_POLICY_BYTES + 1), *said;
    struct policy *p;

    (void)state;
    assert_non_null(text);
    memset(text, '#', LIMIT_POLICY_BYTES + 1);
    assert_int_equal(policy_say(text, LIMIT_POLICY_BYTES + 1, &said, &p),
                     SP_EINVAL);
    assert_string_equal(said, "policy.yaml:1:1: the file has 16777217 bytes: "
                              "expected at most 16777216\n");
    free(said);
    free(text);
}

/* Depth, breadth and sheer number: what could make a parser run away. */
static void hostile_files_are_refused(void **state)
{
    const size_t size = LIMIT_POLICY_BYTES;
    char *text = malloc(size), *said;
    static const char *const fillings[] = {"[",  "{",   "a: ",  "- ",  "a,",
                                           "? ", "&a ", "!!x ", "[a,", "{a: "};

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof fillings / sizeof *fillings; i++) {
        size_t n = strlen(fillings[i]);
        struct policy *p;

        for (size_t at = 0; at + n <= size; at += n)
            memcpy(text + at, fillings[i], n);
        assert_int_equal(policy_say(text, size / n * n, &said, &p), SP_EINVAL);
        free(said);
    }
    free(text);
}

static void only_so_many_errors_are_told(void **state)
{
    struct policy *p;
    char *text = NULL, *said;
    size_t size, lines = 0;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    assert_non_null(f);
    for (int i = 0; i < 200; i++)
        fprintf(f, "wrong%d: 1\n", i);
    fclose(f);
    assert_int_equal(policy_say(text, size, &said, &p), SP_EINVAL);
    for (const char *c = said; *c != 0; c++)
        lines += *c == '\n';
    assert_int_equal(lines, LIMIT_POLICY_ERRORS + 1);
    assert_non_null(strstr(said, "more errors follow"));
    free(said);
    free(text);
}

/* Each byte in turn becomes something else: never a crash, never a policy
 * without an error that has another meaning unseen. */
static void damage_is_survived(void **state)
{
    static const char with[] = "\0\n\t :-,{}[]&*!|>'\"%@`#?0z\x80\xff";
    size_t length = strlen(good_policy);
    char *text = malloc(length);
    struct policy *p;
    char *said;

    (void)state;
    assert_non_null(text);
    for (size_t at = 0; at < length; at++)
        for (size_t k = 0; k < sizeof with - 1; k++) {
            memcpy(text, good_policy, length);
            text[at] = with[k];
            if (policy_say(text, length, &said, &p) == 0)
                policy_free(p);
            free(said);
        }
    for (size_t cut = 0; cut < length; cut++) {
        if (policy_say(good_policy, cut, &said, &p) == 0)
            policy_free(p);
        free(said);
    }
    free(text);
}

static void same_bytes_make_the_same_policy(void **state)
{
    struct policy *a = policy_good(), *b = policy_good();

    (void)state;
    assert_memory_equal(a->sha256, b->sha256, 32);
    assert_int_equal(a->nwindows, b->nwindows);
    for (size_t i = 0; i < a->nwindows; i++)
        assert_string_equal(a->windows[i].id, b->windows[i].id);
    for (size_t i = 0; i < a->npeople; i++)
        assert_string_equal(a->people[i].name, b->people[i].name);
    policy_free(a);
    policy_free(b);
}

static void right_settings_are_read(void **state)
{
    struct settings *s;
    char *said, *path;

    (void)state;
    if (settings_say(good_settings, strlen(good_settings), &said, &s) != 0)
        fail_msg("%s", said);
    free(said);
    assert_string_equal(s->deployment, "sp-east-1");
    assert_int_equal(s->workers, 2);
    assert_int_equal(s->log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(s->ledger, "log");
    assert_string_equal(s->origin, "sp-east-1.sallyport/ledger");
    assert_int_equal(s->checkpoint_ms, 500);
    assert_int_equal(s->clock_settle_ms, 0);
    assert_int_equal(s->connections, 1000);
    assert_int_equal(s->handshake_ms, 5000);
    assert_int_equal(s->drain_ms, 1500);
    assert_int_equal(s->head_ms, LIMIT_HEAD_MS);
    assert_int_equal(s->ncredentials, 2);
    assert_string_equal(s->credentials[0].header, "authorization");
    assert_string_equal(s->credentials[1].header, "x-api-key");
    assert_int_equal(s->approvers.required, 2);
    assert_int_equal(s->approvers.valid_ms, 12 * 3600000);
    assert_int_equal(s->approvers.count, 2);
    assert_string_equal(s->approvers.list[0].name, "alice");
    assert_string_equal(s->approvers.list[1].name, "bob");
    path = settings_path(s, s->policy);
    assert_string_equal(path, "/srv/gate/policy.yaml");
    free(path);
    path = settings_path(s, "/etc/x");
    assert_string_equal(path, "/etc/x");
    free(path);
    settings_free(s);
}

static void witnesses_are_read(void **state)
{
    static const char more[] =
        "witnesses:\n"
        "  quorum: 2\n"
        "  on_missing: refuse\n"
        "  every: 5s\n"
        "  list:\n"
        "    city: {vkey: \"w+1\", url: \"https://w.example/x\", ca: w.pem}\n"
        "    town: {vkey: \"v+1\", url: \"http://127.0.0.1:7000\"}\n";
    char text[sizeof good_settings + sizeof more], *said;
    struct settings *s;

    (void)state;
    snprintf(text, sizeof text, "%s%s", good_settings, more);
    if (settings_say(text, strlen(text), &said, &s) != 0)
        fail_msg("%s", said);
    free(said);
    assert_int_equal(s->nwitnesses, 2);
    assert_int_equal(s->witness_quorum, 2);
    assert_true(s->witness_refuse);
    assert_int_equal(s->witness_every_ms, 5000);
    assert_int_equal(s->witness_overdue_ms, 60000);
    assert_int_equal(s->witness_timeout_ms, 5000);
    assert_string_equal(s->witnesses[0].name, "city");
    assert_string_equal(s->witnesses[0].vkey, "w+1");
    assert_string_equal(s->witnesses[0].endpoint.host, "w.example");
    assert_string_equal(s->witnesses[0].endpoint.path, "/x");
    assert_string_equal(s->witnesses[0].ca, "w.pem");
    assert_int_equal(s->witnesses[1].endpoint.port, 7000);
    assert_null(s->witnesses[1].ca);
    settings_free(s);
}

static void listeners_and_certificates_are_read(void **state)
{
    static const char text[] =
        "deployment: a\n"
        "approvals: {approvers: {a: " GOOD_KEY_ALICE ", b: " GOOD_KEY_BOB "}}\n"
        "listeners:\n"
        "  - {address: \"127.0.0.1:8443\"}\n"
        "  - {address: \"[::1]:9443\", profile: piv, test_pki: allow}\n"
        "  - {address: \"127.0.0.1:0\", profile: cnsa}\n"
        "  - {address: \"127.0.0.1:0\", profile: cnsa1}\n"
        "server: {ocsp: keys/server.ocsp}\n"
        "server_names:\n"
        "  - names: [Gate.Example.ORG, \"*.example.org\"]\n"
        "    certificate: g.crt\n"
        "    key: g.key\n"
        "    ocsp: g.ocsp\n"
        "client_certificates: {lab: {certificate: l.crt, key: l.key}}\n"
        "crypto: {fips: required}\n";
    struct settings *s;
    char *said;

    (void)state;
    if (settings_say(text, sizeof text - 1, &said, &s) != 0)
        fail_msg("%s", said);
    free(said);
    assert_int_equal(s->nlisteners, 4);
    assert_string_equal(s->listeners[0].profile, "strict");
    assert_string_equal(s->listeners[1].address, "[::1]:9443");
    assert_string_equal(s->listeners[1].profile, "piv");
    assert_true(s->listeners[1].allow_test_pki);
    assert_false(s->listeners[2].allow_test_pki);
    assert_string_equal(s->listeners[3].profile, "cnsa1");
    assert_string_equal(s->server_ocsp, "keys/server.ocsp");
    assert_int_equal(s->nserver_names, 1);
    assert_int_equal(s->server_names[0].nnames, 2);
    assert_string_equal(s->server_names[0].names[0], "gate.example.org");
    assert_string_equal(s->server_names[0].names[1], "*.example.org");
    assert_string_equal(s->server_names[0].key, "g.key");
    assert_string_equal(s->server_names[0].ocsp, "g.ocsp");
    assert_int_equal(s->nclient_certificates, 1);
    assert_string_equal(s->client_certificates[0].name, "lab");
    assert_string_equal(s->client_certificates[0].certificate, "l.crt");
    assert_true(s->fips);
    settings_free(s);
}

/* Where metrics may be served, and that they are not unless they are asked for.
 */
static void metrics_listen_on_this_machine(void **state)
{
    static const char *const good[] = {"127.0.0.1:9464", "127.255.0.3:0",
                                       "[::1]:65535", "unix:metrics.sock",
                                       "unix:/run/x"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char line[80], *text, *said;
        struct settings *s;

        snprintf(line, sizeof line, "workers: 2\nmetrics: {listen: \"%s\"}",
                 good[i]);
        text = text_replace(good_settings, "workers: 2", line);
        assert_int_equal(settings_say(text, strlen(text), &said, &s), 0);
        assert_string_equal(s->metrics_listen, good[i]);
        settings_free(s);
        free(said);
        free(text);
    }
}

static void settings_have_defaults(void **state)
{
    static const char least[] = "deployment: a\n"
                                "approvals: {approvers: {a: " GOOD_KEY_ALICE
                                ", b: " GOOD_KEY_BOB "}}\n";
    struct settings *s;
    char *said;

    (void)state;
    assert_int_equal(settings_say(least, sizeof least - 1, &said, &s), 0);
    assert_null(s->metrics_listen);
    free(said);
    assert_int_equal(s->nlisteners, 1);
    assert_string_equal(s->listeners[0].address, "127.0.0.1:8443");
    assert_string_equal(s->listeners[0].profile, "strict");
    assert_false(s->listeners[0].allow_test_pki);
    assert_null(s->server_ocsp);
    assert_int_equal(s->nserver_names, 0);
    assert_int_equal(s->nclient_certificates, 0);
    assert_false(s->fips);
    assert_int_equal(s->workers, 0);
    assert_string_equal(s->policy, "policy.yaml");
    assert_string_equal(s->server_certificate, "keys/server.crt");
    assert_string_equal(s->server_key, "keys/server.key");
    assert_string_equal(s->authority, "ca/ca.crt");
    assert_string_equal(s->ledger, "ledger");
    assert_string_equal(s->ledger_key, "keys/ledger.key");
    assert_string_equal(s->control, "control.sock");
    assert_int_equal(s->log_level, LOG_LEVEL_INFO);
    assert_int_equal(s->clock_settle_ms, CLOCK_SETTLE_DEFAULT_MS);
    assert_int_equal(s->checkpoint_ms, 500);
    assert_int_equal(s->connections, 4096);
    assert_int_equal(s->handshake_ms, LIMIT_HANDSHAKE_MS);
    assert_int_equal(s->keepalive_ms, LIMIT_KEEPALIVE_MS);
    assert_int_equal(s->write_idle_ms, LIMIT_WRITE_IDLE_MS);
    assert_int_equal(s->connect_ms, LIMIT_CONNECT_MS);
    assert_int_equal(s->first_byte_ms, LIMIT_FIRST_BYTE_MS);
    assert_int_equal(s->answer_idle_ms, LIMIT_ANSWER_IDLE_MS);
    assert_int_equal(s->drain_ms, LIMIT_DRAIN_MS);
    assert_int_equal(s->ncredentials, 0);
    assert_int_equal(s->approvers.required, 2);
    assert_int_equal(s->approvers.valid_ms, INT64_C(30) * 86400000);
    settings_free(s);
}

static void reference_is_current(const char *name, int (*write)(FILE *))
{
    char path[512], *wanted = NULL, *have;
    size_t size, length;
    FILE *f;

    f = open_memstream(&wanted, &size);
    assert_non_null(f);
    assert_int_equal(write(f), 0);
    fclose(f);
    snprintf(path, sizeof path, "%s/../../../docs/%s-reference.md",
             SP_TEST_DATA, name);
    f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s is not there", path);
    have = calloc(1, size + 2);
    assert_non_null(have);
    length = fread(have, 1, size + 1, f);
    fclose(f);
    if (length != size || memcmp(have, wanted, size) != 0)
        fail_msg("docs/%s-reference.md is stale: write it again with "
                 "sallyport check --reference %s",
                 name, name);
    free(have);
    free(wanted);
}

static void references_are_current(void **state)
{
    (void)state;
    reference_is_current("policy", policy_reference);
    reference_is_current("settings", settings_reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_policy_is_read),
        cmocka_unit_test(documents_and_findings_are_read),
        cmocka_unit_test(windows_end_when_the_model_is_released),
        cmocka_unit_test(windows_are_sorted_by_opening),
        cmocka_unit_test(wrong_policies_are_refused_to_the_word),
        cmocka_unit_test(wrong_settings_are_refused_to_the_word),
        cmocka_unit_test(nothing_is_not_a_policy),
        cmocka_unit_test(large_files_are_refused),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(only_so_many_errors_are_told),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(same_bytes_make_the_same_policy),
        cmocka_unit_test(right_settings_are_read),
        cmocka_unit_test(witnesses_are_read),
        cmocka_unit_test(listeners_and_certificates_are_read),
        cmocka_unit_test(settings_have_defaults),
        cmocka_unit_test(metrics_listen_on_this_machine),
        cmocka_unit_test(references_are_current),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
