/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport accept: shows a document, asks, and signs that it was accepted.
 * Runs as the person who accepts. What is signed is put together here from the
 * bytes that were shown; the gateway's own idea of it must be the same.
 */
#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/acceptance.h"
#include "ctl/remote.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/utf8.h"

static const char usage[] =
    "usage: sallyport accept [--enrolled DIR | --url URL --cert FILE --key "
    "FILE]\n"
    "                        [--yes] [--list] [DOCUMENT]\n"
    "\n"
    "Shows each document that you still have to accept (or DOCUMENT), asks,\n"
    "and signs the acceptance with the key of your certificate. The gateway\n"
    "records it; the number of the entry is your receipt.\n"
    "\n" REMOTE_USAGE
    "  --yes           do not ask: you have read it elsewhere\n"
    "  --list          only say what is to be accepted and what was\n"
    "\n"
    "Exit status: 0 all is accepted, 1 something is not, 2 wrong usage.\n";

struct accept {
    struct remote remote;
    bool yes, list;
    const char *wanted; /* a document's name, or NULL */
    uint8_t cert_sha256[32];
    struct json list_json; /* the gateway's list */
    struct client_answer list_answer;
    char origin[512], party[LIMIT_NAME_BYTES + 1], person[LIMIT_NAME_BYTES + 1];
};

/* One document of the gateway's list. */
struct offer {
    char name[LIMIT_NAME_BYTES + 1];
    char hex[65];
    char statement[ACCEPTANCE_STATEMENT_SIZE]; /* as the gateway has it */
    bool accepted;
    int64_t entry;
};

static int problem(const char *what, const char *why)
{
    fprintf(stderr, "sallyport accept: %s: %s\n", what, why);
    return EXIT_FAILS;
}

/* ---- who we are ---- */

static int certificate_hash(struct accept *a)
{
    unsigned int size = sizeof(a->cert_sha256);

    return X509_digest(sk_X509_value(a->remote.credential.chain, 0),
                       EVP_sha256(), a->cert_sha256, &size) == 1
               ? EXIT_HOLDS
               : problem(a->remote.certificate, "cannot be hashed");
}

/* ---- what there is to accept ---- */

static bool member_text(const struct json *j, uint32_t of, const char *name,
                        char *text, size_t size)
{
    uint32_t m = json_member(j, of, name);

    return m != 0 && j->nodes[m].type == JSON_STRING &&
           json_text(j, m, text, size) == 0;
}

static int list_load(struct accept *a)
{
    struct json *j = &a->list_json;
    int status = remote_ask(&a->remote, "GET", "/sallyport/v1/nda", NULL, 200,
                            &a->list_answer);

    if (status != EXIT_HOLDS)
        return status;
    if (json_parse(j, (const char *)buf_bytes(&a->list_answer.body),
                   a->list_answer.body.length, 8, 4096) != 0 ||
        j->nodes[0].type != JSON_OBJECT ||
        !member_text(j, 0, "gateway", a->origin, sizeof(a->origin)) ||
        !member_text(j, 0, "party", a->party, sizeof(a->party)) ||
        !member_text(j, 0, "person", a->person, sizeof(a->person)))
        return problem(a->remote.url, "not the answer of a gateway");
    return EXIT_HOLDS;
}

static bool offer_read(const struct json *j, uint32_t node, struct offer *o)
{
    uint32_t accepted, entry;

    *o = (struct offer){0};
    if (j->nodes[node].type != JSON_OBJECT ||
        !member_text(j, node, "name", o->name, sizeof(o->name)) ||
        !member_text(j, node, "sha256", o->hex, sizeof(o->hex)) ||
        !member_text(j, node, "statement", o->statement, sizeof(o->statement)))
        return false;
    /* It becomes a path. */
    if (o->name[strspn(o->name, "abcdefghijklmnopqrstuvwxyz0123456789._-")] !=
        '\0')
        return false;
    accepted = json_member(j, node, "accepted");
    entry = json_member(j, node, "entry");
    o->accepted = accepted != 0 && j->nodes[accepted].type == JSON_TRUE;
    return !o->accepted || (entry != 0 && json_int(j, entry, &o->entry) == 0);
}

/* ---- one document ---- */

/* As it is, but for what could make a terminal show something else. */
static void text_show(const uint8_t *text, size_t length)
{
    for (size_t i = 0, n; i < length; i += n) {
        n = utf8_length(text + i, length - i);
        if (n == 0 ||
            (n == 1 && (text[i] < 0x20 || text[i] == 0x7f) && text[i] != '\n' &&
             text[i] != '\t') ||
            (n == 2 && text[i] == 0xc2 && text[i + 1] < 0xa0)) {
            putchar('?');
            n = n == 0 ? 1 : n;
        } else {
            fwrite(text + i, 1, n, stdout);
        }
    }
    if (length > 0 && text[length - 1] != '\n')
        putchar('\n');
}

/* The document's bytes, shown, with their own hash. */
static int document_show(struct accept *a, const struct offer *o,
                         uint8_t sha256[32])
{
    struct client_answer answer;
    char path[128], hex[65];
    int status;

    snprintf(path, sizeof(path), "/sallyport/v1/nda/%s", o->name);
    status = remote_ask(&a->remote, "GET", path, NULL, 200, &answer);
    if (status == EXIT_HOLDS) {
        crypto_hash_sha256(sha256, buf_bytes(&answer.body), answer.body.length);
        sodium_bin2hex(hex, sizeof(hex), sha256, 32);
        printf("--- %s, %zu bytes, SHA-256 %s\n\n", o->name, answer.body.length,
               hex);
        text_show(buf_bytes(&answer.body), answer.body.length);
        printf("\n--- end of %s\n", o->name);
        if (strcmp(hex, o->hex) != 0)
            status = problem(o->name, "the text is not the one that the "
                                      "gateway asks to accept");
    }
    client_answer_release(&answer);
    return status;
}

static bool person_agrees(const struct accept *a, const struct offer *o)
{
    char line[16] = "";

    if (a->yes)
        return true;
    printf("Do you, %s/%s, accept %s at %s? Type yes: ", a->party, a->person,
           o->name, a->origin);
    fflush(stdout);
    return fgets(line, sizeof(line), stdin) != NULL &&
           strcmp(line, "yes\n") == 0;
}

static char *base64(const uint8_t *data, size_t length)
{
    size_t size =
        sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);

    if (text != NULL)
        sodium_bin2base64(text, size, data, length,
                          sodium_base64_VARIANT_ORIGINAL);
    return text;
}

static char *certificate_base64(X509 *cert)
{
    uint8_t *der = NULL;
    int length = i2d_X509(cert, &der);
    char *text = length <= 0 ? NULL : base64(der, (size_t)length);

    OPENSSL_free(der);
    return text;
}

static int body_certificates(const struct accept *a, struct buf *body)
{
    int r = 0, n = sk_X509_num(a->remote.credential.chain);

    if (n > 1 + LIMIT_CERTIFICATE_CHAIN)
        n = 1 + LIMIT_CERTIFICATE_CHAIN;
    for (int i = 0; r == 0 && i < n; i++) {
        char *text =
            certificate_base64(sk_X509_value(a->remote.credential.chain, i));

        r = text == NULL ? SP_ENOMEM
                         : buf_printf(body, "%s\"%s\"",
                                      i == 0   ? ",\"certificate\":"
                                      : i == 1 ? ",\"chain\":["
                                               : ",",
                                      text);
        free(text);
    }
    return r == 0 && n > 1 ? buf_append_text(body, "]") : r;
}

static int body_build(const struct accept *a, const struct offer *o,
                      const char *statement, const char *signature,
                      enum acceptance_algorithm algorithm, struct buf *body)
{
    char quoted[2 * ACCEPTANCE_STATEMENT_SIZE];
    size_t length = 0;
    int r = json_quote(quoted, sizeof(quoted), &length, statement,
                       strlen(statement));

    if (r == 0)
        r = buf_printf(body,
                       "{\"document\":\"%s\",\"sha256\":\"%s\","
                       "\"statement\":%.*s,\"signature\":\"%s\","
                       "\"algorithm\":\"%s\"",
                       o->name, o->hex, (int)length, quoted, signature,
                       acceptance_algorithm_text(algorithm));
    if (r == 0)
        r = body_certificates(a, body);
    return r == 0 ? buf_append(body, "}", 2) : r; /* with its NUL */
}

/* Posts it; the receipt is what is printed. */
static int acceptance_post(struct accept *a, const struct offer *o,
                           const char *body)
{
    struct client_answer answer;
    struct json j = {0};
    int64_t entry = -1;
    uint32_t m = 0;
    int status =
        remote_ask(&a->remote, "POST", "/sallyport/v1/nda", body, 200, &answer);

    if (status == EXIT_HOLDS) {
        if (json_parse(&j, (const char *)buf_bytes(&answer.body),
                       answer.body.length, 2, 64) == 0 &&
            j.nodes[0].type == JSON_OBJECT)
            m = json_member(&j, 0, "entry");
        if (m == 0 || json_int(&j, m, &entry) != 0)
            status = problem(o->name, "the gateway gave no receipt");
        else
            printf("%s is accepted: entry %lld of %s (request %s)\n", o->name,
                   (long long)entry, a->origin, answer.receipt);
    }
    json_release(&j);
    client_answer_release(&answer);
    return status;
}

static int acceptance_sign_post(struct accept *a, const struct offer *o,
                                const char *statement)
{
    enum acceptance_algorithm algorithm = ACCEPTANCE_BY_KEY;
    uint8_t *signature = NULL;
    char *text = NULL;
    struct buf body;
    size_t length = 0;
    int r, status = EXIT_FAILS;

    buf_init(&body, 1u << 17);
    r = acceptance_sign(a->remote.credential.pkey, &algorithm, statement,
                        &signature, &length);
    if (r == 0 && (text = base64(signature, length)) == NULL)
        r = SP_ENOMEM;
    if (r == 0)
        r = body_build(a, o, statement, text, algorithm, &body);
    if (r == 0)
        status = acceptance_post(a, o, (const char *)buf_bytes(&body));
    else
        problem(a->remote.key, sp_strerror(r));
    buf_release(&body);
    free(text);
    free(signature);
    return status;
}

static int offer_accept(struct accept *a, const struct offer *o)
{
    uint8_t sha256[32];
    const struct acceptance_claim claim = {.origin = a->origin,
                                           .party = a->party,
                                           .person = a->person,
                                           .document = o->name,
                                           .sha256 = sha256,
                                           .cert_sha256 = a->cert_sha256};
    char statement[ACCEPTANCE_STATEMENT_SIZE];
    int status = document_show(a, o, sha256);

    if (status != EXIT_HOLDS)
        return status;
    if (acceptance_statement(&claim, statement) != 0 ||
        strcmp(statement, o->statement) != 0)
        return problem(o->name, "the gateway wants something else signed than "
                                "what was shown, or for another certificate");
    if (!person_agrees(a, o))
        return problem(o->name, "not accepted");
    return acceptance_sign_post(a, o, statement);
}

static int offer_handle(struct accept *a, const struct offer *o)
{
    if (a->list || o->accepted) {
        if (o->accepted)
            printf("%s is accepted: entry %lld of %s\n", o->name,
                   (long long)o->entry, a->origin);
        else
            printf("%s is not accepted yet: SHA-256 %s\n", o->name, o->hex);
        return o->accepted ? EXIT_HOLDS : EXIT_FAILS;
    }
    return offer_accept(a, o);
}

static int offers_handle(struct accept *a)
{
    const struct json *j = &a->list_json;
    uint32_t list = json_member(j, 0, "documents");
    int status = EXIT_HOLDS;
    bool found = false;

    for (uint32_t m = list == 0 ? 0 : j->nodes[list].child; m != 0;
         m = j->nodes[m].next) {
        struct offer o;

        if (!offer_read(j, m, &o))
            return problem(a->remote.url, "not the answer of a gateway");
        if (a->wanted != NULL && strcmp(a->wanted, o.name) != 0)
            continue;
        found = true;
        if (offer_handle(a, &o) != EXIT_HOLDS)
            status = EXIT_FAILS;
    }
    if (a->wanted != NULL && !found)
        return problem(a->wanted, "there is no such document for you");
    if (!found)
        puts("There is nothing to accept.");
    return status;
}

static int accept_run(struct accept *a)
{
    int status = remote_open(&a->remote);

    if (status == EXIT_HOLDS)
        status = certificate_hash(a);
    if (status == EXIT_HOLDS)
        status = list_load(a);
    if (status == EXIT_HOLDS)
        status = offers_handle(a);
    remote_release(&a->remote);
    client_answer_release(&a->list_answer);
    json_release(&a->list_json);
    return status;
}

static int misused(void)
{
    fputs(usage, stderr);
    return EXIT_MISUSED;
}

int verb_accept(int argc, char **argv)
{
    static const struct option options[] = {REMOTE_OPTIONS,
                                            {"yes", no_argument, NULL, 'y'},
                                            {"list", no_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct accept a = {.remote = {.verb = "accept"}};
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        if (c == 'y')
            a.yes = true;
        else if (c == 'l')
            a.list = true;
        else if (!remote_option(&a.remote, c, optarg))
            return misused();
    }
    if (!remote_is_complete(&a.remote) || argc - optind > 1)
        return misused();
    a.wanted = argv[optind];
    if (sodium_init() < 0)
        return EXIT_FAILS;
    return accept_run(&a);
}
