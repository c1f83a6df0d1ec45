/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log` over ledgers of real entries: what it lets pass, the entry it
 * names when something is wrong among them (P11), and its exit status.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <sodium.h>

#include "certs/acceptance.h"
#include "ctl/verbs.h"
#include "policy/entry.h"
#include "tests/unit/ledger/folder.h"

#define T0 INT64_C(1795168800000)

static struct folder folder;
static char vkey[NOTE_KEY_TEXT_MAX];
static char output[262144]; /* of the last run, both streams */

static int setup(void **state)
{
    (void)state;
    folder_make(&folder);
    return note_verifier_format(&folder.signer.verifier, vkey);
}

static int teardown(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

static struct entry opened(void)
{
    struct entry e = {.n = 0, .t = T0, .kind = ENTRY_LOG_OPENED};

    e.u.log_opened.origin = "log.example/audit";
    e.u.log_opened.version = "0.1.0";
    e.u.log_opened.vkey = vkey;
    return e;
}

static struct entry request(uint64_t n, enum entry_kind kind)
{
    struct entry e = {.n = n, .t = T0 + (int64_t)n, .kind = kind};
    struct entry_request *r = &e.u.request;

    r->party = "caisi";
    r->person = n % 2 == 0 ? "evaluator" : "other";
    r->model = "ori\xc3\xb3n \x1b[31m";
    r->window = "w";
    r->terms = "t";
    r->method = METHOD_POST;
    r->route = ROUTE_CHAT_COMPLETIONS;
    r->max_tokens = -1;
    r->address = "127.0.0.1";
    r->cert_not_before = T0 - 1000;
    r->cert_not_after = T0 + 1000;
    r->policy = 1;
    r->deadline = T0 + 5000;
    if (kind == ENTRY_REQUEST_REFUSED)
        r->reason = REASON_WINDOW_EXPIRED;
    return e;
}

static struct entry closed(uint64_t n, uint64_t of)
{
    struct entry e = {
        .n = n, .t = T0 + (int64_t)n, .kind = ENTRY_REQUEST_CLOSED};

    e.u.request_closed.of = of;
    e.u.request_closed.cause = CAUSE_DONE;
    e.u.request_closed.status = 200;
    return e;
}

static void ledger_write(const struct entry *list, size_t count)
{
    struct ledger_options o = {
        .folder = folder.fd, .signer = &folder.signer, .checkpoint_ms = 100};
    struct ledger *l;

    assert_int_equal(ledger_create(folder.fd, &folder.signer), 0);
    assert_int_equal(ledger_open(&o, NULL, NULL, &folder.recovery, &l), 0);
    for (size_t i = 0; i < count; i++) {
        char line[8192];
        size_t length;
        uint64_t n;
        assert_int_equal(entry_encode(&list[i], line, sizeof line, &length), 0);
        assert_int_equal(ledger_append(l, line, length, &n), 0);
    }
    assert_int_equal(ledger_close(l), 0);
}

/* Runs the verb with both streams in a file; the words end with NULL. */
static int run(const char *first, ...)
{
    char *argv[16] = {strdup("log")};
    int argc = 1, saved[2] = {dup(1), dup(2)};
    FILE *f = tmpfile();
    va_list args;

    va_start(args, first);
    for (const char *word = first; word != NULL;
         word = va_arg(args, const char *))
        argv[argc++] = strdup(word);
    va_end(args);
    fflush(stdout);
    dup2(fileno(f), 1);
    dup2(fileno(f), 2);
    int status = verb_log(argc, argv);
    fflush(stdout);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    rewind(f);
    output[fread(output, 1, sizeof output - 1, f)] = '\0';
    fclose(f);
    close(saved[0]);
    close(saved[1]);
    while (argc > 0)
        free(argv[--argc]);
    return status;
}

static void assert_says(const char *text)
{
    if (strstr(output, text) == NULL)
        fail_msg("wanted \"%s\" in: %s", text, output);
}

static void good_ledger(void)
{
    struct entry list[] = {
        opened(),
        request(1, ENTRY_REQUEST_ADMITTED),
        request(2, ENTRY_REQUEST_ADMITTED),
        request(3, ENTRY_REQUEST_REFUSED),
        closed(4, 1),
        request(5, ENTRY_REQUEST_ADMITTED),
        closed(6, 5),
    };

    ledger_write(list, sizeof list / sizeof *list);
}

static void good_ledger_holds(void **state)
{
    (void)state;
    good_ledger();
    assert_int_equal(run("verify", folder.path, "--key", vkey, (char *)NULL),
                     EXIT_HOLDS);
    assert_says("signature    good");
    assert_says("7 entries");
    assert_says("3 admitted, each with one end but 1 still open; 1 refused");
    assert_says("not checked  that it extends");
    assert_int_equal(
        run("verify", folder.path, "--key", vkey, "--json", (char *)NULL),
        EXIT_HOLDS);
    assert_says("\"good\":true,\"entries\":7,");
    assert_says(
        "\"requests\":{\"admitted\":3,\"closed\":2,\"open\":1,\"refused\":1}");
}

static void key_is_asked_for(void **state)
{
    struct note_signer other;
    char text[NOTE_KEY_TEXT_MAX];

    (void)state;
    good_ledger();
    assert_int_equal(run("verify", folder.path, (char *)NULL), EXIT_MISUSED);
    assert_says("--key-file");
    assert_int_equal(run("verify", folder.path, "--no-key", (char *)NULL),
                     EXIT_HOLDS);
    assert_says("NOT CHECKED");
    assert_int_equal(note_signer_generate("log.example/audit", &other), 0);
    assert_int_equal(note_verifier_format(&other.verifier, text), 0);
    assert_int_equal(run("verify", folder.path, "--key", text, (char *)NULL),
                     EXIT_FAILS);
    assert_says("not signed by");
    assert_int_equal(run("verify", folder.path, "--key", "junk", (char *)NULL),
                     EXIT_FAILS);
    assert_int_equal(run("key", folder.path, (char *)NULL), EXIT_HOLDS);
    assert_says(vkey);
    assert_says("have the developer confirm it");
}

static void flipped_byte_is_named(void **state)
{
    (void)state;
    good_ledger();
    struct bytes b = folder_get(&folder, "tile/entries/000.p/7");
    folder_flip(&folder, "tile/entries/000.p/7", b.length - 1, 1);
    free(b.data);
    assert_int_equal(run("verify", folder.path, "--key", vkey, (char *)NULL),
                     EXIT_FAILS);
    assert_says("FAILED       entry 6: tile/entries/000.p/7");
    assert_int_equal(
        run("verify", folder.path, "--key", vkey, "--json", (char *)NULL),
        EXIT_FAILS);
    assert_says("\"good\":false");
    assert_says("\"bad_index\":6");
    assert_int_equal(run("show", folder.path, "6", (char *)NULL), EXIT_FAILS);
}

static struct entry rekeyed(uint64_t n, const char *key, const char *replaces)
{
    struct entry e = {.n = n, .t = T0 + (int64_t)n, .kind = ENTRY_LOG_REKEYED};

    e.u.log_rekeyed.vkey = key;
    e.u.log_rekeyed.replaces = replaces;
    return e;
}

/* Well-signed ledgers whose entries break a rule at the last one. */
static void P11_broken_rules_are_named(void **state)
{
    struct entry first = opened(),
                 admitted = request(1, ENTRY_REQUEST_ADMITTED);
    struct entry refused = request(1, ENTRY_REQUEST_REFUSED);
    struct entry wrong_n = closed(3, 1), back = closed(2, 1);
    struct entry other_key = opened(), other_origin = opened();
    struct entry again = opened();
    struct note_signer second, named;
    char vkey2[NOTE_KEY_TEXT_MAX], vkey3[NOTE_KEY_TEXT_MAX];

    (void)state;
    assert_int_equal(note_signer_generate("log.example/audit", &second), 0);
    assert_int_equal(note_verifier_format(&second.verifier, vkey2), 0);
    assert_int_equal(note_signer_generate("log.example/other", &named), 0);
    assert_int_equal(note_verifier_format(&named.verifier, vkey3), 0);
    back.t = T0;
    again.n = 2;
    again.t = T0 + 2;
    other_key.u.log_opened.vkey = "log.example/audit+00000000+AAAA";
    other_origin.u.log_opened.origin = "other.example";
    const struct {
        struct entry list[4];
        size_t count;
        const char *what;
    } cases[] = {
        {{first, admitted, closed(2, 1), closed(3, 1)},
         4,
         "entry 3: closes entry 1"},
        {{first, refused, closed(2, 1)}, 3, "entry 2: closes entry 1"},
        {{first, admitted, closed(2, 0)}, 3, "entry 2: closes entry 0"},
        {{first, admitted, closed(2, 2)}, 3, "entry 2: closes entry 2"},
        {{first, admitted, closed(2, 900)}, 3, "entry 2: closes entry 900"},
        {{first, admitted, wrong_n}, 3, "entry 2: n"},
        {{first, admitted, back}, 3, "entry 2: t"},
        {{first, admitted, again}, 3, "entry 2: kind"},
        {{request(0, ENTRY_REQUEST_ADMITTED)}, 1, "entry 0: kind"},
        {{other_key}, 1, "entry 0: vkey"},
        {{other_origin}, 1, "entry 0: origin"},
        /* signed by the first key all the same */
        {{first, rekeyed(1, vkey2, vkey)},
         2,
         "not signed by the key that entry 1 names"},
        {{first, rekeyed(1, vkey2, vkey), rekeyed(2, vkey, vkey2)},
         3,
         "entry 1: handovers/1: not found"},
        {{first, rekeyed(1, vkey2, vkey2)}, 2, "entry 1: replaces"},
        {{first, rekeyed(1, vkey, vkey)}, 2, "entry 1: vkey"},
        {{first, rekeyed(1, vkey3, vkey)}, 2, "entry 1: vkey"},
        {{first, rekeyed(1, "log.example/audit", vkey)}, 2, "entry 1: vkey"},
        {{first, rekeyed(1, vkey2, vkey), rekeyed(2, vkey2, vkey)},
         3,
         "entry 2: replaces"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        folder_remove(&folder);
        folder_make(&folder);
        ledger_write(cases[i].list, cases[i].count);
        assert_int_equal(
            run("verify", folder.path, "--key", vkey, (char *)NULL),
            EXIT_FAILS);
        assert_says(cases[i].what);
    }
}

static void earlier_checkpoint_must_be_extended(void **state)
{
    struct entry list[2] = {opened(), request(1, ENTRY_REQUEST_REFUSED)};
    char early[96], newer[96];
    struct bytes b;

    (void)state;
    snprintf(early, sizeof early, "%s.early", folder.path);
    snprintf(newer, sizeof newer, "%s.newer", folder.path);
    good_ledger();
    b = folder_get(&folder, "checkpoint");
    assert_int_equal(file_replace(AT_FDCWD, early, 0600, b.data, b.length), 0);
    free(b.data);
    assert_int_equal(run("verify", folder.path, "--key", vkey, "--since",
                         early, (char *)NULL),
                     EXIT_HOLDS);
    assert_says("extends");
    /* Another ledger under the same key, shorter; then as long. */
    folder_remove(&folder);
    folder_make(&folder);
    ledger_write(list, 2);
    assert_int_equal(run("verify", folder.path, "--key", vkey, "--since",
                         early, (char *)NULL),
                     EXIT_FAILS);
    assert_says("its end was removed");
    b = folder_get(&folder, "checkpoint");
    assert_int_equal(file_replace(AT_FDCWD, newer, 0600, b.data, b.length), 0);
    free(b.data);
    folder_remove(&folder);
    folder_make(&folder);
    good_ledger();
    assert_int_equal(run("verify", folder.path, "--key", vkey, "--since",
                         newer, (char *)NULL),
                     EXIT_FAILS);
    assert_says("does not extend it");
    unlink(early);
    unlink(newer);
}

static unsigned lines(void)
{
    unsigned n = 0;

    for (const char *s = output; *s != '\0'; s++)
        n += *s == '\n';
    return n;
}

static void show_prints_and_selects(void **state)
{
    (void)state;
    good_ledger();
    assert_int_equal(run("show", folder.path, (char *)NULL), EXIT_HOLDS);
    assert_int_equal(lines(), 1 + 7); /* no key here: it says so */
    assert_says("request.admitted");
    assert_null(strchr(output, '\x1b')); /* nothing for the terminal */
    assert_int_equal(run("show", folder.path, "3", (char *)NULL), EXIT_HOLDS);
    assert_says("window_expired");
    assert_int_equal(
        run("show", folder.path, "--from", "2", "--to", "4", (char *)NULL),
        EXIT_HOLDS);
    assert_int_equal(lines(), 1 + 3);
    assert_int_equal(
        run("show", folder.path, "--kind", "request.closed", (char *)NULL),
        EXIT_HOLDS);
    assert_int_equal(lines(), 1 + 2);
    assert_int_equal(
        run("show", folder.path, "--person", "caisi/other", (char *)NULL),
        EXIT_HOLDS);
    assert_int_equal(lines(), 1 + 3);
    assert_int_equal(
        run("show", folder.path, "--person", "nist/other", (char *)NULL),
        EXIT_HOLDS);
    assert_int_equal(lines(), 1);
    assert_int_equal(run("show", folder.path, "4", "--json", (char *)NULL),
                     EXIT_HOLDS);
    assert_says("{\"n\":4,");
}

/* Signed by one key for whoever is named; texts live as long as the program. */
static struct entry accepted(uint64_t n, EVP_PKEY *key, X509 *cert,
                             const char *origin)
{
    static char certificates[8][8192], signatures[8][1024];
    struct entry e = {.n = n, .t = T0 + (int64_t)n, .kind = ENTRY_NDA_ACCEPTED};
    struct entry_nda_accepted *a = &e.u.nda_accepted;
    enum acceptance_algorithm algorithm = ACCEPTANCE_BY_KEY;
    uint8_t *der = NULL, *signature, cert_sha256[32];
    char text[ACCEPTANCE_STATEMENT_SIZE];
    int der_length = i2d_X509(cert, &der);
    size_t length;

    a->of = n - 1;
    a->party = "caisi";
    a->person = "evaluator";
    a->document = "nda-v1";
    a->sha256[0] = 7;
    length = (size_t)der_length;
    crypto_hash_sha256(cert_sha256, der, length);
    assert_int_equal(
        acceptance_statement(&(struct acceptance_claim){origin, a->party,
                                                        a->person, a->document,
                                                        a->sha256, cert_sha256},
                             text),
        0);
    assert_int_equal(
        acceptance_sign(key, &algorithm, text, &signature, &length), 0);
    sodium_bin2base64(certificates[n], sizeof certificates[n], der,
                      (size_t)der_length, sodium_base64_VARIANT_ORIGINAL);
    sodium_bin2base64(signatures[n], sizeof signatures[n], signature, length,
                      sodium_base64_VARIANT_ORIGINAL);
    a->certificate = certificates[n];
    a->signature = signatures[n];
    a->algorithm = acceptance_algorithm_text(algorithm);
    OPENSSL_free(der);
    free(signature);
    return e;
}

static void P12_acceptances_are_verified_again(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    (void)state;
    X509_set_pubkey(cert, key);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 60);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    struct entry list[] = {
        opened(),
        accepted(1, key, cert, "log.example/audit"),
        accepted(2, other, cert, "log.example/audit"), /* another key */
        accepted(3, key, cert, "other.example/audit"), /* another gate */
        accepted(4, key, cert, "log.example/audit"),
        accepted(5, key, cert, "log.example/audit"),
        accepted(6, key, cert, "log.example/audit"),
        accepted(7, key, cert, "log.example/audit"),
    };
    list[4].u.nda_accepted.person = "other";
    list[5].u.nda_accepted.sha256[0] = 8;
    list[6].u.nda_accepted.algorithm = "ed25519";
    list[7].u.nda_accepted.certificate = "AAAA";
    ledger_write(list, 2);
    assert_int_equal(run("acceptances", folder.path, NULL), EXIT_HOLDS);
    assert_says("\"caisi\"/\"evaluator\" \"nda-v1\"");
    assert_says("holds");
    folder_remove(&folder);
    folder_make(&folder);
    ledger_write(list, 8);
    assert_int_equal(run("acceptances", folder.path, "--json", NULL),
                     EXIT_FAILS);
    assert_says("{\"n\":1,");
    for (const char *at = output; (at = strstr(at, "{\"n\":")) != NULL; at++)
        assert_int_equal(strstr(at, "\"holds\":true") != NULL &&
                             strstr(at, "\"holds\":true") < strchr(at, '\n'),
                         at[5] == '1');
    assert_says("6 of 7 prove nothing");
    X509_free(cert);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void wrong_usage_is_2(void **state)
{
    (void)state;
    good_ledger();
    assert_int_equal(run((char *)NULL), EXIT_MISUSED);
    assert_int_equal(run("nonsense", (char *)NULL), EXIT_MISUSED);
    assert_int_equal(run("verify", (char *)NULL), EXIT_MISUSED);
    assert_int_equal(run("verify", "--nonsense", "x", (char *)NULL),
                     EXIT_MISUSED);
    assert_int_equal(
        run("verify", folder.path, "--no-key", "--key", vkey, (char *)NULL),
        EXIT_MISUSED);
    assert_int_equal(run("show", folder.path, "x", (char *)NULL), EXIT_MISUSED);
    assert_int_equal(run("show", folder.path, "-1", (char *)NULL),
                     EXIT_MISUSED);
    assert_int_equal(run("show", folder.path, "--kind", "x", (char *)NULL),
                     EXIT_MISUSED);
    assert_says("request.admitted");
    assert_int_equal(
        run("show", folder.path, "--from", "5", "--to", "4", (char *)NULL),
        EXIT_MISUSED);
    assert_int_equal(run("show", folder.path, "99", (char *)NULL), EXIT_FAILS);
    assert_int_equal(run("verify", "/nonexistent", "--no-key", (char *)NULL),
                     EXIT_FAILS);
    assert_int_equal(run("verify", "/tmp", "--no-key", (char *)NULL),
                     EXIT_FAILS);
    assert_says("no checkpoint");
    assert_int_equal(run("--help", (char *)NULL), EXIT_HOLDS);
    assert_int_equal(run("verify", "--help", (char *)NULL), EXIT_HOLDS);
    assert_int_equal(run("show", "--help", (char *)NULL), EXIT_HOLDS);
    assert_int_equal(run("key", "--help", (char *)NULL), EXIT_HOLDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_ledger_holds),
        TEST(key_is_asked_for),
        TEST(flipped_byte_is_named),
        TEST(P11_broken_rules_are_named),
        TEST(earlier_checkpoint_must_be_extended),
        TEST(show_prints_and_selects),
        TEST(P12_acceptances_are_verified_again),
        TEST(wrong_usage_is_2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
