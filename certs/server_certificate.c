/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's certificates out of their files. Runs in the supervisor and the
 * workers, at start and when files are taken over. The files are the
 * operator's: everything that clients would stumble over is refused here.
 */
#include "certs/server_certificate.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "certs/pem.h"
#include "certs/staple.h"
#include "certs/tls_profile.h"

static int read_certificate(struct server_certificate *c,
                            const struct tls_bytes *pem, char problem[256])
{
    char why[PEM_PROBLEM];
    int r = pem_read_certificates(pem->data, pem->length, &c->chain, why);

    if (r != 0) {
        snprintf(problem, 256, "server certificate: %.200s", why);
        return r;
    }
    c->leaf = sk_X509_shift(c->chain);
    c->rules = tls_certificate_rules(c->leaf);
    if (sk_X509_num(c->chain) > 0)
        c->rules &= tls_chain_rules(c->chain, true);
    return 0;
}

static int read_key(struct server_certificate *c, const struct tls_bytes *pem,
                    char problem[256])
{
    char why[PEM_PROBLEM];
    int r = pem_read_key(pem->data, pem->length, &c->key, why);

    if (r != 0) {
        snprintf(problem, 256, "server key: %.200s", why);
        return r;
    }
    if (X509_check_private_key(c->leaf, c->key) == 1)
        return 0;
    snprintf(problem, 256,
             "server key: expected the key of the server certificate");
    ERR_clear_error();
    return SP_EPERM;
}

/* --- names --------------------------------------------------------------- */

/* RFC 6125 with no wildcard of the certificate's but a whole leftmost label.
 * A name with one of ours must be in it as it is. */
static bool holds_name(const X509 *cert, const char *name)
{
    GENERAL_NAMES *all =
        X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);
        const char *dns = (const char *)ASN1_STRING_get0_data(n->d.dNSName);

        found = n->type == GEN_DNS &&
                (size_t)ASN1_STRING_length(n->d.dNSName) == strlen(name) &&
                strncasecmp(dns, name, strlen(name)) == 0;
    }
    GENERAL_NAMES_free(all);
    return found || (name[0] != '*' &&
                     X509_check_host((X509 *)(uintptr_t)cert, name, 0,
                                     X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                                     NULL) == 1);
}

static int read_names(struct server_certificate *c,
                      const struct server_certificate_files *files,
                      char problem[256])
{
    c->names = calloc(files->nnames + 1, sizeof *c->names);
    if (c->names == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < files->nnames; i++) {
        if (!holds_name(c->leaf, files->names[i])) {
            snprintf(problem, 256,
                     "server certificate: it does not hold the name %.120s: "
                     "expected it among the alternative names",
                     files->names[i]);
            return SP_ENOENT;
        }
        if ((c->names[i] = strdup(files->names[i])) == NULL)
            return SP_ENOMEM;
        c->nnames++;
    }
    return 0;
}

/* "*.example.org" is for any one label before it, and not for none. */
static bool wildcard_takes(const char *pattern, const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL && dot != name && strcasecmp(dot, pattern + 1) == 0;
}

bool server_certificate_is_for(const struct server_certificate *c,
                               const char *name, bool exact)
{
    for (size_t i = 0; i < c->nnames; i++) {
        bool wildcard = c->names[i][0] == '*';

        if (wildcard == exact)
            continue;
        if (exact ? strcasecmp(c->names[i], name) == 0
                  : wildcard_takes(c->names[i], name))
            return true;
    }
    return false;
}

/* --- OCSP ---------------------------------------------------------------- */

/* Those who may have issued it: its chain, and whoever else is given. */
static int issuers_collect(const struct server_certificate *c,
                           const struct tls_bytes *more, STACK_OF(X509) * *out)
{
    STACK_OF(X509) *all = NULL;
    char why[PEM_PROBLEM];
    int r = 0;

    if (more->data != NULL)
        r = pem_read_certificates(more->data, more->length, &all, why);
    else if ((all = sk_X509_new_null()) == NULL)
        r = SP_ENOMEM;
    if (r != 0)
        return r;
    if (X509_add_certs(all, c->chain, X509_ADD_FLAG_UP_REF) != 1) {
        sk_X509_pop_free(all, X509_free);
        return SP_ENOMEM;
    }
    *out = all;
    return 0;
}

static int read_staple(struct server_certificate *c,
                       const struct server_certificate_files *files,
                       int64_t now, char problem[256])
{
    STACK_OF(X509) *issuers = NULL;
    char why[256] = "";
    int r;

    if (files->ocsp.data == NULL)
        return 0;
    if ((r = issuers_collect(c, &files->issuers, &issuers)) != 0)
        return r;
    r = staple_check(files->ocsp.data, files->ocsp.length, c->leaf, issuers,
                     now, &c->staple_until, why);
    sk_X509_pop_free(issuers, X509_free);
    if (r != 0) {
        snprintf(problem, 256, "server OCSP response: %.200s", why);
        return r;
    }
    if ((c->staple = malloc(files->ocsp.length)) == NULL)
        return SP_ENOMEM;
    memcpy(c->staple, files->ocsp.data, files->ocsp.length);
    c->staple_length = files->ocsp.length;
    return 0;
}

/* --- all of it ----------------------------------------------------------- */

int server_certificate_new(const struct server_certificate_files *files,
                           int64_t now, enum server_part *part,
                           char problem[256], struct server_certificate **out)
{
    struct server_certificate *c = calloc(1, sizeof *c);
    int r;

    snprintf(problem, 256, "%s", sp_strerror(SP_ENOMEM));
    *part = SERVER_CERTIFICATE;
    if (c == NULL)
        return SP_ENOMEM;
    c->references = 1;
    if ((r = read_certificate(c, &files->certificate, problem)) != 0 ||
        (r = read_names(c, files, problem)) != 0)
        goto out;
    *part = SERVER_KEY;
    if ((r = read_key(c, &files->key, problem)) != 0)
        goto out;
    *part = SERVER_OCSP;
    if ((r = read_staple(c, files, now, problem)) != 0)
        goto out;
    problem[0] = '\0';
    *out = c;
    c = NULL;
out:
    server_certificate_free(c);
    return r;
}

struct server_certificate *server_certificate_ref(struct server_certificate *c)
{
    c->references++;
    return c;
}

void server_certificate_free(struct server_certificate *c)
{
    if (c == NULL || --c->references > 0)
        return;
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    for (size_t i = 0; i < c->nnames; i++)
        free(c->names[i]);
    free(c->names);
    free(c->staple);
    free(c);
}
