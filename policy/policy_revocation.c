/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is asked whether a party's certificates have been revoked: from the tree
 * to the policy, and whom a certificate's own URL may point to. Runs as part of
 * policy_parse().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http_url.h"
#include "policy/policy_build.h"
#include "policy/schemas.h"

/* One spelling of a host, as URLs have it (lib/http_url.h). */
static bool host_is_good(const char *host)
{
    char text[HTTP_HOST_MAX + 16];
    struct http_url url;
    int n = snprintf(text, sizeof text, "http://%s/", host);

    return n > 0 && (size_t)n < sizeof text &&
           http_url_parse(text, (size_t)n, &url) == 0 &&
           strcmp(url.host, host) == 0;
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
    struct http_url url;

    if (!node_is_good(n) || n->kind != NODE_SCALAR)
        return NULL;
    if (http_url_parse(n->text, strlen(n->text), &url) == 0)
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
