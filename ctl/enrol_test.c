/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport enrol test`: goes the way to the model step by step and says at
 * which one it ends, what to do, and whom to ask. Runs as the person who is to
 * have access; the gateway's words are shown without control bytes.
 */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/credential.h"
#include "ctl/enrol.h"
#include "ctl/enrol_report.h"
#include "ctl/remote_words.h"
#include "ctl/verbs.h"
#include "ledger/proof.h"
#include "lib/json.h"
#include "lib/limits.h"

#define TIMEOUT_MS 15000

static const char usage[] =
    "usage: sallyport enrol test [DIR] [--passphrase-file FILE] [--json]\n"
    "\n"
    "Tries your access, step by step: the key and the certificate that you "
    "have,\n"
    "the gateway's name, the connection, who answers there, whether it knows "
    "you,\n"
    "your access windows, the documents to accept, and the signature on the\n"
    "gateway's ledger. Says for each whether it is fine, and what to do if "
    "not.\n"
    "Sends nothing to the model.\n"
    "\n"
    "Without DIR it is the only enrolment below ~/.config/sallyport. Exit "
    "status:\n"
    "0 all is fine, 1 something is missing, 2 wrong usage.\n";

struct test {
    struct enrol_report report;
    struct enrolment e;
    struct credential credential;
    struct client *client;
    struct client_answer answer; /* to the question for the status */
    struct json status;
    char host[256], port[8];
};

/* ---- what we have ---- */

static void time_text(const ASN1_TIME *t, char text[32])
{
    struct tm tm;

    text[0] = '\0';
    if (ASN1_TIME_to_tm(t, &tm) == 1)
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static bool dates_test(struct test *t)
{
    X509 *cert = sk_X509_value(t->credential.chain, 0);
    char from[32], to[32];

    time_text(X509_get0_notBefore(cert), from);
    time_text(X509_get0_notAfter(cert), to);
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        enrol_missing(&t->report, "certificate",
                      "it has expired, at %s. Ask the developer for a new one, "
                      "and begin anew with `sallyport enrol start`; or is this "
                      "machine's clock wrong?",
                      to);
    else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
        enrol_missing(&t->report, "certificate",
                      "it is not valid yet, only from %s on. Wait until then; "
                      "or is this machine's clock wrong?",
                      from);
    else
        return true;
    return false;
}

static bool folder_test(struct test *t, const char *passphrase_file)
{
    char problem[CREDENTIAL_PROBLEM];

    if (!t->e.finished) {
        enrol_missing(&t->report, "certificate",
                      "there is none yet. Send %.200s/%s to the developer, and "
                      "give the bundle that comes back to `sallyport enrol "
                      "finish`",
                      t->e.folder, ENROLMENT_REQUEST);
        return false;
    }
    t->credential = (struct credential){.certificate = t->e.certificate,
                                        .key = t->e.key,
                                        .passphrase_file = passphrase_file};
    if (credential_load(&t->credential, problem) != 0) {
        enrol_missing(&t->report, "key", "%s", problem);
        return false;
    }
    enrol_fine(&t->report, "key", "%s",
               token_is_uri(t->e.key) ? "your token has it" : "it is yours");
    return dates_test(t);
}

/* ---- the way there ---- */

static struct addrinfo *name_test(struct test *t, const char *address)
{
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    int e;

    if (bundle_address_split(address, t->host, t->port) != 0)
        return NULL;
    e = getaddrinfo(t->host, t->port, &want, &all);
    if (e != 0) {
        enrol_missing(&t->report, "name",
                      "the name %s is not known here: %s. Ask your network "
                      "people whether this machine may look up names of the "
                      "Internet, and the developer whether the name is right",
                      t->host, gai_strerror(e));
        return NULL;
    }
    enrol_fine(&t->report, "name", "%s", t->host);
    return all;
}

/* The first address that answers, or -1. */
static int tcp_try(const struct addrinfo *all, struct address *to, int *error)
{
    *error = EHOSTUNREACH;
    for (const struct addrinfo *i = all; i != NULL; i = i->ai_next) {
        int fd;

        *to = (struct address){.length = i->ai_addrlen};
        memcpy(&to->sa, i->ai_addr, i->ai_addrlen);
        fd = address_connect(to, TIMEOUT_MS);
        if (fd >= 0)
            return fd;
        *error = errno;
    }
    return -1;
}

static bool tcp_test(struct test *t, const struct addrinfo *all,
                     struct address *to)
{
    char words[REMOTE_WORDS];
    int error, fd = tcp_try(all, to, &error);

    if (fd >= 0) {
        close(fd);
        enrol_fine(&t->report, "connection", "%s, port %s", t->host, t->port);
        return true;
    }
    remote_connect_words(error, t->host, t->port, words);
    enrol_missing(&t->report, "connection", "%s", words);
    return false;
}

/* ---- who answers ---- */

/* Whether the gateway said what is wrong with our certificate. */
static bool alert_missing(struct test *t)
{
    const char *words = remote_alert_words(client_alert(t->client));

    if (words != NULL)
        enrol_missing(&t->report, "certificate", "%s", words);
    return words != NULL;
}

static bool tls_test(struct test *t, const struct address *to)
{
    const struct client_options o = {.to = to,
                                     .host = t->e.bundle.name,
                                     .anchors = t->e.anchors,
                                     .credential = &t->credential,
                                     .timeout_ms = TIMEOUT_MS};
    int r = client_connect(&o, &t->client);
    long trust =
        r == 0 || t->client == NULL ? X509_V_OK : client_trust(t->client);
    char words[REMOTE_WORDS];

    if (r == 0) {
        enrol_fine(&t->report, "tls", "%s is who it says (%s)",
                   t->e.bundle.name, client_protocol(t->client));
        return true;
    }
    if (t->client != NULL && alert_missing(t))
        return false;
    if (trust != X509_V_OK) {
        remote_trust_words(trust, t->e.bundle.name, words);
        enrol_missing(&t->report, "tls", "%s", words);
    } else {
        enrol_missing(&t->report, "tls",
                      "no encrypted connection: %s. If your key is on a card, "
                      "see docs/cards.md; otherwise ask your network people "
                      "whether something between here and %s ends connections",
                      t->client != NULL ? client_problem(t->client)
                                        : sp_strerror(r),
                      t->host);
    }
    return false;
}

/* ---- what the gateway says ---- */

static const struct {
    const char *code, *step, *says;
} refusals[] = {
    {"identity_unmapped", "person",
     "your certificate is good, but it is nobody's in the gateway's policy. "
     "Ask the developer to enter you"},
    {"certificate_expired", "certificate",
     "it has expired. Ask the developer for a new one"},
    {"certificate_revoked", "certificate",
     "it is revoked; one of the developer's authority ends with the last "
     "window. Ask the developer why, and for a new one"},
    {"revocation_unavailable", "certificate",
     "the gateway cannot find out now whether it is revoked, and lets nobody "
     "in without. Try again later; if it stays, tell the developer"},
    {"person_suspended", "person",
     "you, or your organisation, are suspended. Ask the developer"},
    {"access_revoked", "person",
     "your access, or your organisation's, was ended for good. Ask the "
     "developer"},
    {"source_denied", "person",
     "you are known, but your organisation may not come from this network. "
     "Connect from the one that was agreed on, or ask the developer to add "
     "this one"},
    {"hours_denied", "person",
     "you are known, but not at this hour. Ask the developer which hours were "
     "agreed on"},
    {"addresses_limited", "person",
     "you are connected from too many addresses. Close the others"},
    {"audit_unavailable", "gateway",
     "the gateway cannot write its ledger, and lets nobody in without. Tell "
     "the developer"},
    {"clock_unsafe", "gateway",
     "the gateway's clock is not safe. Tell the developer"},
    {"draining", "gateway", "the gateway is being restarted: try again soon"},
    {"overloaded", "gateway", "the gateway is overloaded: try again later"},
    {"rate_limited", "gateway", "too many questions: try again in a minute"},
};

/* {"error":{"code":…}} */
static void code_take(const struct json *j, char *code, size_t size)
{
    uint32_t error, m;

    code[0] = '\0';
    if (j->nodes[0].type != JSON_OBJECT ||
        (error = json_member(j, 0, "error")) == 0 ||
        j->nodes[error].type != JSON_OBJECT ||
        (m = json_member(j, error, "code")) == 0 ||
        json_text(j, m, code, size) != 0)
        code[0] = '\0';
}

static void refusal_missing(struct test *t)
{
    char code[64];

    code_take(&t->status, code, sizeof code);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (strcmp(refusals[i].code, code) != 0)
            continue;
        if (strcmp(refusals[i].step, "certificate") != 0)
            enrol_fine(&t->report, "certificate", "the gateway accepts it");
        enrol_missing(&t->report, refusals[i].step, "%s", refusals[i].says);
        return;
    }
    enrol_missing(&t->report, "person",
                  "the gateway refuses you: status %d, %s. Ask the developer",
                  t->answer.status, code[0] != '\0' ? code : "no code");
}

/* A member's text, "" if it has none. */
static const char *member(const struct json *j, uint32_t of, const char *name,
                          char *out, size_t size)
{
    uint32_t m =
        j->nodes[of].type == JSON_OBJECT ? json_member(j, of, name) : 0;

    if (m == 0 || j->nodes[m].type != JSON_STRING ||
        json_text(j, m, out, size) != 0)
        out[0] = '\0';
    return out;
}

static bool person_test(struct test *t)
{
    char party[80], person[80], ends[40];
    const struct json *j = &t->status;

    member(j, 0, "party", party, sizeof party);
    member(j, 0, "person", person, sizeof person);
    member(j, 0, "certificate_ends", ends, sizeof ends);
    enrol_fine(&t->report, "certificate", "the gateway accepts it, until %s",
               ends);
    if (strcmp(party, t->e.party) == 0 && strcmp(person, t->e.person) == 0) {
        enrol_fine(&t->report, "person", "you are %s/%s there", party, person);
        return true;
    }
    enrol_missing(&t->report, "person",
                  "the gateway takes you for %s/%s, and you are %s/%s. Tell "
                  "the developer",
                  party, person, t->e.party, t->e.person);
    return true;
}

/* Asks for the status; true if that was answered with one. */
static bool status_ask(struct test *t)
{
    int r = client_exchange(t->client, "GET", "/sallyport/v1/status", NULL,
                            &t->answer, NULL, NULL);

    if (r != 0 && alert_missing(t))
        return false;
    if (r != 0 || !t->answer.complete ||
        json_parse(&t->status, (const char *)buf_bytes(&t->answer.body),
                   t->answer.body.length, 16, 1u << 18) != 0) {
        enrol_missing(&t->report, "gateway",
                      "it does not answer as a gateway does: %s. Is there a "
                      "proxy in between? Ask your network people, then the "
                      "developer",
                      r != 0 ? client_problem(t->client) : "no JSON");
        return false;
    }
    if (t->answer.status == 200 && t->status.nodes[0].type == JSON_OBJECT)
        return person_test(t);
    refusal_missing(t);
    return false;
}

/* ---- windows and documents ---- */

static uint32_t elements(const struct json *j, const char *name)
{
    uint32_t m = json_member(j, 0, name);

    return m != 0 && j->nodes[m].type == JSON_ARRAY ? j->nodes[m].child : 0;
}

static bool is_true(const struct json *j, uint32_t of, const char *name)
{
    uint32_t m = json_member(j, of, name);

    return m != 0 && j->nodes[m].type == JSON_TRUE;
}

static void window_closed(struct test *t, uint32_t w)
{
    char reason[64], model[140], opens[40], closes[40];
    const struct json *j = &t->status;

    member(j, w, "reason", reason, sizeof reason);
    member(j, w, "model", model, sizeof model);
    member(j, w, "opens", opens, sizeof opens);
    member(j, w, "closes", closes, sizeof closes);
    if (strcmp(reason, "window_not_open") == 0)
        enrol_missing(&t->report, "window",
                      "access to %s is not open yet: it opens at %s. Wait "
                      "until then",
                      model, opens);
    else if (strcmp(reason, "window_expired") == 0)
        enrol_missing(&t->report, "window",
                      "access to %s has ended, at %s. Ask the developer for "
                      "another window if it was agreed on",
                      model, closes);
    else if (strcmp(reason, "window_closed") == 0)
        enrol_missing(&t->report, "window",
                      "access to %s was ended by the developer. Ask them",
                      model);
    else if (strcmp(reason, "model_released") == 0)
        enrol_missing(&t->report, "window",
                      "%s is released: access before its release has ended",
                      model);
    else
        enrol_missing(&t->report, "window",
                      "access to %s (%s to %s) is not open: %s. Ask the "
                      "developer",
                      model, opens, closes, reason);
}

/* One that is open is enough; otherwise each says why it is not. */
static void windows_test(struct test *t)
{
    const struct json *j = &t->status;
    char model[140], closes[40];
    bool open = false;
    size_t closed = 0;

    for (uint32_t w = elements(j, "windows"); w != 0; w = j->nodes[w].next) {
        if (j->nodes[w].type != JSON_OBJECT || !is_true(j, w, "open"))
            continue;
        open = true;
        enrol_fine(&t->report, "window", "access to %s is open until %s",
                   member(j, w, "model", model, sizeof model),
                   member(j, w, "closes", closes, sizeof closes));
    }
    for (uint32_t w = elements(j, "windows"); !open && w != 0;
         w = j->nodes[w].next) {
        if (j->nodes[w].type == JSON_OBJECT && closed++ < 5)
            window_closed(t, w);
    }
    if (!open && closed == 0)
        enrol_missing(&t->report, "window",
                      "your organisation has no access window at all. Ask the "
                      "developer when there will be one");
}

static void documents_test(struct test *t)
{
    const struct json *j = &t->status;
    size_t missing = 0, accepted = 0;
    char name[80];

    for (uint32_t d = elements(j, "documents"); d != 0; d = j->nodes[d].next) {
        if (j->nodes[d].type != JSON_OBJECT)
            continue;
        member(j, d, "name", name, sizeof name);
        if (is_true(j, d, "accepted")) {
            accepted++;
            continue;
        }
        if (missing++ < 5)
            enrol_missing(&t->report, "document",
                          "%s is to be read and accepted by you first: "
                          "sallyport accept --enrolled %.200s %s",
                          name, t->e.folder, name);
    }
    if (missing == 0)
        enrol_fine(&t->report, "document",
                   accepted > 0 ? "all are accepted (%zu)"
                                : "there is none to accept (%zu)",
                   accepted);
}

/* ---- the ledger's key ---- */

static int proof_verify(const struct test *t, const struct client_answer *a)
{
    struct note_verifier v;
    struct proof p;
    unsigned line;
    size_t length = 0;
    uint8_t *entry = malloc(PROOF_EXTRA_MAX);
    int r = SP_EINVAL;

    if (entry != NULL &&
        note_verifier_parse(t->e.bundle.vkey, strlen(t->e.bundle.vkey), &v) ==
            0 &&
        proof_parse((const char *)buf_bytes(&a->body), a->body.length, &p,
                    &line) == 0 &&
        p.extra != NULL &&
        base64_decode(p.extra, p.extra_length, entry, PROOF_EXTRA_MAX,
                      &length) == 0)
        r = proof_check(&p, &v, 1, entry, length);
    if (r == 0 && strcmp(p.head.origin, t->e.bundle.origin) != 0)
        r = SP_ESIGNATURE;
    free(entry);
    return r;
}

/* The proof that our own question stands in the ledger; it is there when the
 * next checkpoint is, mostly within a second. */
static int proof_ask(struct test *t, struct client_answer *a)
{
    const struct timespec pause = {.tv_nsec = 600000000};
    char target[128];
    size_t digits = strspn(t->answer.receipt, "0123456789");
    int r = 0;

    *a = (struct client_answer){0};
    if (digits == 0)
        return SP_ENOENT;
    snprintf(target, sizeof target, "/sallyport/v1/receipts/%.*s", (int)digits,
             t->answer.receipt);
    for (int i = 0; i < 8; i++) {
        nanosleep(&pause, NULL);
        client_answer_release(a);
        r = client_exchange(t->client, "GET", target, NULL, a, NULL, NULL);
        if (r != 0 || a->status != 404)
            break;
    }
    return r;
}

static void ledger_test(struct test *t)
{
    struct client_answer a;
    int r = proof_ask(t, &a);

    if (r != 0 || a.status != 200) {
        enrol_skipped(&t->report, "ledger",
                      "the gateway gives no proof to check its signature by "
                      "(%s, status %d)",
                      r != 0 ? sp_strerror(r) : "refused", a.status);
    } else if ((r = proof_verify(t, &a)) == 0) {
        enrol_fine(&t->report, "ledger",
                   "this test stands in %s, under the key of your bundle",
                   t->e.bundle.origin);
    } else {
        enrol_missing(&t->report, "ledger",
                      "its signature is not of the key in your bundle (%s). "
                      "Ask the developer whether the ledger has a new key, and "
                      "for a new bundle; until then do not rely on receipts",
                      sp_strerror(r));
    }
    client_answer_release(&a);
}

/* ---- all of it ---- */

/* Name, connection, TLS of one gateway; the last one's connection is kept. */
static bool gateway_test(struct test *t, const char *address)
{
    struct addrinfo *all = name_test(t, address);
    struct address to;
    bool good;

    if (all == NULL)
        return false;
    client_close(t->client);
    t->client = NULL;
    good = tcp_test(t, all, &to) && tls_test(t, &to);
    freeaddrinfo(all);
    return good;
}

/* What was not come to. */
static void rest_skip(struct test *t)
{
    static const char *const steps[] = {"tls",    "certificate", "person",
                                        "window", "document",    "ledger"};
    struct enrol_report *r = &t->report;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        bool done = false;

        for (size_t k = 0; k < r->count; k++)
            done = done || strcmp(r->findings[k].step, steps[i]) == 0;
        if (!done)
            enrol_skipped(r, steps[i], "once the above is solved");
    }
}

static void test_run(struct test *t, const char *passphrase_file)
{
    bool there = false;

    if (!folder_test(t, passphrase_file))
        return;
    /* Each is tried; the first that works is asked, the others cannot say
     * more. */
    for (size_t i = 0; !there && i < t->e.bundle.naddresses; i++)
        there = gateway_test(t, t->e.bundle.addresses[i]);
    if (!there || !status_ask(t))
        return;
    windows_test(t);
    documents_test(t);
    ledger_test(t);
}

int enrol_test(int argc, char **argv)
{
    static const struct option options[] = {
        {"passphrase-file", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    const char *passphrase_file = NULL;
    struct test t = {0};
    bool good = true;
    int status;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        passphrase_file = c == 'f' ? optarg : passphrase_file;
        t.report.json = t.report.json || c == 'j';
        good = good && c != '?';
    }
    if (!good || argc - optind > 1 || sodium_init() < 0) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    status = enrol_open("test", argv[optind], &t.e);
    if (status == EXIT_HOLDS) {
        test_run(&t, passphrase_file);
        rest_skip(&t);
        status = enrol_report_end(&t.report);
    }
    client_close(t.client);
    client_answer_release(&t.answer);
    json_release(&t.status);
    credential_release(&t.credential);
    enrolment_release(&t.e);
    return status;
}
