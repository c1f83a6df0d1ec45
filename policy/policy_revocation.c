/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is asked whether a party's certificates have been revoked: from the tree
 * to the policy, and the URLs that may be asked for. Runs as part of
 * policy_parse(); the reading of URLs also on what strangers' certificates
 * say, which is trusted with nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/policy_build.h"
#include "policy/schemas.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* RFC 1123 names and IPv4 addresses: labels with dots between. */
static bool name_is_good(const char *name)
{
    size_t label = 0;

    for (const char *p = name; *p != 0; p++) {
        if (*p == '.' ? label == 0 || p[-1] == '-'
                      : strchr(LETTERS DIGITS "-", *p) == NULL ||
                            (*p == '-' && label == 0))
            return false;
        label = *p == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0 && name[strlen(name) - 1] != '-';
}

static bool host_is_good(const char *host)
{
    if (strchr(host, ':') != NULL)
        return host[strspn(host, "abcdef" DIGITS ":.")] == 0;
    return name_is_good(host);
}

/* The host with which `text` begins, up to a ':' or '/'; what follows it, or
 * NULL. */
static const char *host_take(const char *text, char host[POLICY_HOST_MAX])
{
    bool six = text[0] == '[';
    size_t n = strcspn(text + six, six ? "]" : ":/");

    if (n == 0 || n >= POLICY_HOST_MAX || (six && text[1 + n] != ']'))
        return NULL;
    for (size_t i = 0; i < n; i++)
        host[i] = lower(text[six + i]);
    host[n] = 0;
    if (six != (strchr(host, ':') != NULL) || !host_is_good(host))
        return NULL;
    return text + n + (six ? 2 : 0);
}

static const char *port_take(const char *text, uint16_t *port)
{
    size_t n;
    long number;

    *port = 80;
    if (*text != ':')
        return text;
    n = strspn(++text, DIGITS);
    if (n == 0 || n > 5 || text[0] == '0')
        return NULL;
    number = strtol(text, NULL, 10);
    if (number > UINT16_MAX)
        return NULL;
    *port = (uint16_t)number;
    return text + n;
}

/* What goes into a request's first line as it is. */
static bool path_is_good(const char *path)
{
    if (path[0] != '/')
        return false;
    for (const char *p = path; *p != 0; p++)
        if (*p <= 0x20 || *p >= 0x7f || *p == '#')
            return false;
    return true;
}

bool policy_url_parse(const char *url, char host[POLICY_HOST_MAX],
                      uint16_t *port, const char **path)
{
    static const char scheme[] = "http://";
    const char *at = url;

    if (strlen(url) > POLICY_URL_MAX)
        return false;
    for (size_t i = 0; i < sizeof scheme - 1; i++, at++)
        if (lower(*at) != scheme[i])
            return false;
    if ((at = host_take(at, host)) == NULL ||
        (at = port_take(at, port)) == NULL || !path_is_good(at))
        return false;
    *path = at;
    return true;
}

bool policy_revocation_allows(const struct policy_revocation *r,
                              const char *host)
{
    for (size_t i = 0; i < r->nhosts; i++)
        if (strcmp(r->hosts[i], host) == 0)
            return true;
    return false;
}

const char *policy_revocation_mode_text(enum policy_revocation_mode mode)
{
    return revocation_mode_words[(unsigned)mode <=
                                         POLICY_REVOCATION_OCSP_THEN_CRL
                                     ? mode
                                     : POLICY_REVOCATION_NONE];
}

/* ---- from the tree ---- */

static char *url_take(struct policy_build *b, const struct node *n)
{
    char host[POLICY_HOST_MAX];
    const char *path;
    uint16_t port;

    if (!node_is_good(n) || n->kind != NODE_SCALAR)
        return NULL;
    if (policy_url_parse(n->text, host, &port, &path))
        return build_text(b, n);
    document_error(b->d, b->report, n,
                   "bad URL \"%.128s\": expected http://HOST[:PORT]/PATH",
                   n->text);
    return NULL;
}

static char *host_take_node(struct policy_build *b, const struct node *n)
{
    char *host = build_text(b, n);

    if (host == NULL)
        return NULL;
    if (host_is_good(host))
        return host;
    document_error(b->d, b->report, n,
                   "bad host \"%.128s\": expected a name in lower case or an "
                   "address, without a port",
                   n->text);
    free(host);
    return NULL;
}

static char **list_take(struct policy_build *b, const struct node *list,
                        char *(*take)(struct policy_build *,
                                      const struct node *),
                        size_t *count)
{
    char **texts = build_array(b, node_members(list), sizeof *texts);

    for (size_t i = 0; i < node_members(list) && !b->no_memory; i++) {
        char *text = take(b, list->items[i]);

        if (text != NULL)
            texts[(*count)++] = text;
    }
    return texts;
}

static void wants(struct policy_build *b, const struct node *n,
                  const char *wrong, const char *expected)
{
    document_error_key(b->d, b->report, n, "%s: expected %s", wrong, expected);
}

/* What a mode asks must be there, and what it does not ask must not: nobody
 * should believe that it is. */
static void sources_check(struct policy_build *b, const struct node *n,
                          enum policy_revocation_mode mode)
{
    const struct node *responder = node_member(n, "responder");
    const struct node *hosts = node_member(n, "hosts");
    bool lists =
        node_member(n, "crl") != NULL || node_member(n, "fetch") != NULL;
    bool ocsp = mode == POLICY_REVOCATION_OCSP ||
                mode == POLICY_REVOCATION_OCSP_THEN_CRL;
    bool crl = mode == POLICY_REVOCATION_CRL ||
               mode == POLICY_REVOCATION_OCSP_THEN_CRL;

    if (crl && !lists && hosts == NULL)
        wants(b, n, "revocation by lists without any list",
              "\"crl\" or \"fetch\" beside it, or \"hosts\" that certificates "
              "may name");
    if (!crl && lists)
        wants(b, n, "lists that this mode does not look at",
              "mode crl or ocsp-then-crl, or neither \"crl\" nor \"fetch\"");
    if (ocsp && responder == NULL && hosts == NULL)
        wants(b, n, "revocation by a responder without any to ask",
              "\"responder\", or \"hosts\" that certificates may name");
    if (!ocsp && responder != NULL)
        wants(b, n, "a responder that this mode does not ask",
              "mode ocsp or ocsp-then-crl, or no \"responder\"");
    if (mode == POLICY_REVOCATION_NONE && hosts != NULL)
        wants(b, n, "hosts that this mode does not ask",
              "another mode, or no \"hosts\"");
}

static enum policy_revocation_mode mode_of(struct policy_build *b,
                                           const struct node *n)
{
    const struct node *mode = node_member(n, "mode");

    if (mode != NULL)
        return (enum policy_revocation_mode)node_number(mode,
                                                        POLICY_REVOCATION_NONE);
    if (node_member(n, "crl") == NULL && node_member(n, "fetch") == NULL)
        wants(b, n, "revocation without a mode",
              "mode: crl, ocsp, ocsp-then-crl or none");
    return POLICY_REVOCATION_CRL;
}

void revocation_build(struct policy_build *b, struct policy_revocation *r,
                      const struct node *n)
{
    const struct node *mode = node_member(n, "mode");

    if (!node_is_good(n) || n->kind != NODE_MAP)
        return;
    r->mode = mode_of(b, n);
    r->crl = build_text(b, node_member(n, "crl"));
    r->fetch = list_take(b, node_member(n, "fetch"), url_take, &r->nfetch);
    r->hosts =
        list_take(b, node_member(n, "hosts"), host_take_node, &r->nhosts);
    r->responder = url_take(b, node_member(n, "responder"));
    r->max_age_ms = node_number(node_member(n, "max_age"), 0);
    r->ocsp_cache_ms = node_number(node_member(n, "cache"), 0);
    r->timeout_ms = node_number(node_member(n, "timeout"), 0);
    file_check(b, n, "crl", false, "a file of revocation lists");
    if (mode != NULL
            ? node_is_good(mode)
            : node_member(n, "crl") != NULL || node_member(n, "fetch") != NULL)
        sources_check(b, n, r->mode);
}
