/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaches a gateway. Runs as an evaluator; the gateway is trusted for what its
 * certificate proves, and nothing that it says is printed with control bytes.
 */
#include "ctl/remote.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/remote_words.h"
#include "ctl/verbs.h"
#include "lib/json.h"
#include "lib/log.h"

#define TIMEOUT_MS 30000

bool remote_option(struct remote *r, int option, const char *value)
{
    const char **const field = option == 'u'   ? &r->url
                               : option == 'c' ? &r->certificate
                               : option == 'k' ? &r->key
                               : option == 'a' ? &r->anchors
                               : option == REMOTE_OPT_PASSPHRASE
                                   ? &r->passphrase_file
                               : option == REMOTE_OPT_ENROLLED ? &r->enrolled
                                                               : NULL;

    if (field == NULL)
        return false;
    *field = value;
    return true;
}

static bool all_is_said(const struct remote *r)
{
    return r->url != NULL && r->certificate != NULL && r->key != NULL;
}

bool remote_is_complete(const struct remote *r)
{
    char folder[PATH_MAX], problem[ENROLMENT_PROBLEM];
    int e;

    if (all_is_said(r) || r->enrolled != NULL)
        return true;
    if (r->url != NULL || r->certificate != NULL || r->key != NULL)
        return false;
    e = enrolment_only(folder, problem);
    if (e == SP_EAMBIGUOUS)
        fprintf(stderr, "sallyport %s: %s\n", r->verb, problem);
    return e == 0;
}

/* What was not said comes from the enrolment. */
static int enrolment_take(struct remote *r)
{
    char only[PATH_MAX], problem[ENROLMENT_PROBLEM];
    const char *folder = r->enrolled;
    struct enrolment *e = &r->enrolment;
    int error = 0;

    if (all_is_said(r))
        return EXIT_HOLDS;
    if (folder == NULL) {
        error = enrolment_only(only, problem);
        folder = only;
    }
    if (error == 0)
        error = enrolment_load(folder, e, problem);
    if (error == 0 && !e->finished) {
        snprintf(problem, sizeof problem,
                 "%.300s has no certificate yet: `sallyport enrol finish` "
                 "takes the developer's bundle",
                 folder);
        error = SP_ENOENT;
    }
    if (error != 0) {
        fprintf(stderr, "sallyport %s: %s\n", r->verb, problem);
        return EXIT_FAILS;
    }
    if (r->url == NULL) {
        r->url = e->url;
        r->name = e->bundle.name;
    }
    r->certificate = r->certificate == NULL ? e->certificate : r->certificate;
    r->key = r->key == NULL ? e->key : r->key;
    r->anchors = r->anchors == NULL ? e->anchors : r->anchors;
    return EXIT_HOLDS;
}

static int credential_take(struct remote *r)
{
    char problem[CREDENTIAL_PROBLEM];

    r->credential.certificate = r->certificate;
    r->credential.key = r->key;
    r->credential.passphrase_file = r->passphrase_file;
    if (credential_load(&r->credential, problem) == 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport %s: %s\n", r->verb, problem);
    return EXIT_FAILS;
}

/* "https://HOST", "https://HOST:PORT", "https://[ADDRESS]:PORT", each perhaps
 * with a slash behind it. */
static int url_parse(struct remote *r)
{
    char *port = r->port;
    static const char scheme[] = "https://";
    const char *host = r->url + sizeof(scheme) - 1, *end, *rest;

    snprintf(port, sizeof(r->port), "443");
    if (strncmp(r->url, scheme, sizeof(scheme) - 1) != 0)
        return SP_EINVAL;
    if (host[0] == '[') {
        end = strchr(++host, ']');
        rest = end == NULL ? NULL : end + 1;
    } else {
        end = rest = host + strcspn(host, ":/");
    }
    if (end == NULL || end == host || (size_t)(end - host) >= sizeof(r->host))
        return SP_EINVAL;
    memcpy(r->host, host, (size_t)(end - host));
    r->host[end - host] = '\0';
    if (*rest == ':') {
        size_t digits = strspn(++rest, "0123456789");

        if (digits == 0 || digits > 5)
            return SP_EINVAL;
        snprintf(port, sizeof(r->port), "%.*s", (int)digits, rest);
        rest += digits;
    }
    return *rest == '\0' || strcmp(rest, "/") == 0 ? 0 : SP_EINVAL;
}

/* The first address of the name that lets us connect. */
static int connect_any(struct remote *r, const struct addrinfo *all)
{
    int e = SP_EIO;

    for (const struct addrinfo *i = all; e != 0 && i != NULL; i = i->ai_next) {
        struct address to = {.length = i->ai_addrlen};
        const struct client_options o = {.to = &to,
                                         .host = r->name,
                                         .anchors = r->anchors,
                                         .credential = &r->credential,
                                         .timeout_ms = TIMEOUT_MS};

        memcpy(&to.sa, i->ai_addr, i->ai_addrlen);
        client_close(r->client);
        e = client_connect(&o, &r->client);
        if (e == SP_EINVAL || e == SP_EPERM)
            break; /* another address would say the same */
    }
    return e;
}

/* " --option 'value'": what a shell would read back as the same. */
static void said_add(struct remote *r, const char *option, const char *value)
{
    size_t n = strlen(r->said), room = sizeof(r->said) - n;
    bool plain = value != NULL &&
                 strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
                               "VWXYZ0123456789:/._-=,@%+") == strlen(value);

    /* A quote or control byte in a file's name is left to its owner. */
    if (value != NULL &&
        snprintf(r->said + n, room, plain ? " %s %s" : " %s '%s'", option,
                 value) >= (int)room)
        r->said[n] = '\0';
}

static void said_keep(struct remote *r)
{
    said_add(r, "--enrolled", r->enrolled);
    said_add(r, "--url", r->url);
    said_add(r, "--cert", r->certificate);
    said_add(r, "--key", r->key);
    said_add(r, "--passphrase-file", r->passphrase_file);
    said_add(r, "--cacert", r->anchors);
}

int remote_load(struct remote *r)
{
    int status;

    said_keep(r);
    status = enrolment_take(r);
    if (status != EXIT_HOLDS)
        return status;
    if (url_parse(r) != 0) {
        fprintf(stderr, "sallyport %s: %s: wanted https://HOST[:PORT]\n",
                r->verb, log_quote(r->url));
        return EXIT_MISUSED;
    }
    if (r->name == NULL)
        r->name = r->host;
    return credential_take(r);
}

int remote_resolve(const struct remote *r, struct addrinfo **all)
{
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM};

    *all = NULL;
    return getaddrinfo(r->host, r->port, &want, all);
}

/* What is wrong, and what to do about it where that is known. */
static void connect_failed(const struct remote *r, int e)
{
    const struct client *c = r->client;
    char words[REMOTE_WORDS] = "";
    const char *alert = c == NULL ? NULL : remote_alert_words(client_alert(c));

    if (alert != NULL)
        snprintf(words, sizeof(words), "%s", alert);
    else if (c != NULL && client_trust(c) != X509_V_OK)
        remote_trust_words(client_trust(c), r->name, words);
    fprintf(stderr, "sallyport %s: %s: %s%s%s\n", r->verb, log_quote(r->url),
            c != NULL ? client_problem(c) : sp_strerror(e),
            words[0] != '\0' ? ": " : "", words);
}

int remote_open(struct remote *r)
{
    struct addrinfo *all = NULL;
    int e, status = remote_load(r);

    if (status != EXIT_HOLDS)
        return status;
    if ((e = remote_resolve(r, &all)) != 0) {
        fprintf(stderr, "sallyport %s: %s: %s\n", r->verb, log_quote(r->host),
                gai_strerror(e));
        return EXIT_FAILS;
    }
    e = connect_any(r, all);
    freeaddrinfo(all);
    if (e == 0)
        return EXIT_HOLDS;
    connect_failed(r, e);
    return EXIT_FAILS;
}

void remote_close(struct remote *r)
{
    client_close(r->client);
    r->client = NULL;
}

void remote_release(struct remote *r)
{
    remote_close(r);
    credential_release(&r->credential);
    enrolment_release(&r->enrolment);
}

/* {"error":{"message":…,"code":…}} */
void remote_print_refusal(const struct remote *r, const struct client_answer *a)
{
    struct json j = {0};
    char code[64] = "", message[512] = "";
    uint32_t error = 0;

    if (json_parse(&j, (const char *)buf_bytes(&a->body), a->body.length, 8,
                   1024) == 0 &&
        j.nodes[0].type == JSON_OBJECT)
        error = json_member(&j, 0, "error");
    if (error != 0 && j.nodes[error].type == JSON_OBJECT) {
        uint32_t m = json_member(&j, error, "message");
        uint32_t c = json_member(&j, error, "code");

        if (m == 0 || json_text(&j, m, message, sizeof(message)) != 0)
            message[0] = '\0';
        if (c == 0 || json_text(&j, c, code, sizeof(code)) != 0)
            code[0] = '\0';
    }
    fprintf(stderr, "sallyport %s: status %d", r->verb, a->status);
    if (code[0] != '\0')
        fprintf(stderr, ", %s", log_quote(code));
    if (message[0] != '\0')
        fprintf(stderr, ": %s", log_quote(message));
    fputc('\n', stderr);
    json_release(&j);
}

int remote_ask(struct remote *r, const char *method, const char *target,
               const char *body, int want, struct client_answer *a)
{
    int e = client_exchange(r->client, method, target, body, a, NULL, NULL);

    if (e != 0 || !a->complete) {
        /* In TLS 1.3 this is where one learns that a certificate is refused. */
        const char *words = remote_alert_words(client_alert(r->client));

        fprintf(stderr, "sallyport %s: %s: %s%s%s\n", r->verb, target,
                e != 0 ? client_problem(r->client) : "the answer was cut",
                words != NULL ? ": " : "", words != NULL ? words : "");
        return EXIT_FAILS;
    }
    if (a->status == want)
        return EXIT_HOLDS;
    remote_print_refusal(r, a);
    return EXIT_FAILS;
}
