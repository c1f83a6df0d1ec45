/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuing and renewing certificates. Used by the command alone. Names come from
 * an approved policy or the operator and are checked again here, because they
 * become part of what certificates say. Requests (CSR) come from a party:
 * nothing but the public key is taken from them.
 */
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/authority_parts.h"
#include "certs/certificate.h"
#include "certs/pem.h"
#include "lib/clock.h"

void authority_issued_free(struct authority_issued *i)
{
    free(i->cert_pem);
    authority_key_text_free(i->key_pem);
    i->cert_pem = NULL;
    i->key_pem = NULL;
}

/* One order being carried out. */
struct issue {
    const struct authority *a;
    const struct authority_order *o;
    const char *party, *person; /* as the index has them */
    struct certificate_plan plan;
    GENERAL_NAMES *names;
    EVP_PKEY *key;
    const struct profile *profile;
    bool made; /* the key is ours to hand out */
};

static void issue_release(struct issue *i)
{
    sk_GENERAL_NAME_pop_free(i->names, GENERAL_NAME_free);
    EVP_PKEY_free(i->key);
}

static int fill_client(struct issue *i, char problem[256])
{
    const struct authority_order *o = i->o;
    int r = authority_check_names(o->deployment, o->party, o->person, problem);

    if (r != 0)
        return r;
    i->party = i->plan.organization = o->party;
    i->person = i->plan.name = o->person;
    i->plan.kind = CERTIFICATE_CLIENT;
    r = alternatives_of_person(o->deployment, o->party, o->person, &i->names);
    return r == 0 ? 0 : authority_fail(problem, r, "%s", sp_strerror(r));
}

static int fill_server(struct issue *i, char problem[256])
{
    const struct authority_order *o = i->o;
    size_t bad = 0;
    int r = authority_check_names(o->deployment, NULL, NULL, problem);

    if (r != 0)
        return r;
    if (o->nnames == 0)
        return authority_fail(
            problem, SP_EINVAL,
            "expected at least one address or name for the server");
    i->party = "-";
    i->person = o->names[0];
    i->plan.kind = CERTIFICATE_SERVER;
    i->plan.organization = "sallyport gate";
    i->plan.name = o->deployment;
    r = alternatives_of_server(o->names, o->nnames, &i->names, &bad);
    if (r == SP_EINVAL)
        return authority_fail(problem, r,
                              "\"%.200s\": expected an address or a DNS name",
                              o->names[bad]);
    return r == 0 ? 0 : authority_fail(problem, r, "%s", sp_strerror(r));
}

/* Not longer than the authority itself: such a chain would not verify. */
static int fill_times(struct issue *i, char problem[256])
{
    int64_t end = authority_end(i->a->cert), root = authority_end(i->a->root);
    int64_t now = i->o->now, to = i->o->not_after;
    char until[CLOCK_UTC_SIZE];

    if (root < end)
        end = root;
    if (end == INT64_MIN)
        return authority_fail(problem, SP_EINVAL,
                              "the authority's end cannot be read");
    if (end <= now) {
        clock_format_utc(end, until);
        return authority_fail(problem, SP_ERANGE, "the authority ended at %s",
                              until);
    }
    if (to / 1000 <= now / 1000) {
        clock_format_utc(to, until);
        return authority_fail(problem, SP_ERANGE,
                              "the certificate would end at %s: expected a "
                              "time to come",
                              until);
    }
    i->plan.to = (to > end ? end : to) / 1000 * 1000;
    i->plan.from = now - AUTHORITY_SKEW_MS;
    return 0;
}

static int key_is_not_ours(const struct issue *i, char problem[256])
{
    if (EVP_PKEY_eq(X509_get0_pubkey(i->a->cert), i->key) != 1 &&
        EVP_PKEY_eq(X509_get0_pubkey(i->a->root), i->key) != 1)
        return 0;
    return authority_fail(problem, SP_EEXIST,
                          "the key is the authority's own: expected a key of "
                          "their own");
}

/* The request's key, or an old certificate's. */
static int key_take(struct issue *i, EVP_PKEY *key, char problem[256])
{
    int r;

    if (EVP_PKEY_up_ref(key) != 1)
        return SP_ECRYPTO;
    i->key = key;
    if ((r = key_is_not_ours(i, problem)) != 0)
        return r;
    return authority_key_check(i->a->records, &i->a->index, key, i->party,
                               i->person, problem);
}

static int key_make(struct issue *i, char problem[256])
{
    i->profile = i->o->profile != NULL ? i->o->profile : profile_find("p256");
    if (!i->profile->made)
        return authority_fail(problem, SP_EUNSUPPORTED,
                              "profile %s: such keys come in requests: "
                              "expected one, or p256, p384 or rsa",
                              i->profile->name);
    i->made = true;
    return 0;
}

/* All that can be known without signing; a key that is ours to make is not
 * made yet. `old`: the key of a renewal, or NULL. */
static int issue_prepare(struct issue *i, EVP_PKEY *old, char problem[256])
{
    const struct authority_order *o = i->o;
    int r =
        o->party != NULL ? fill_client(i, problem) : fill_server(i, problem);

    if (r != 0 || (r = fill_times(i, problem)) != 0)
        return r;
    if (o->request != NULL) {
        r = request_check(o->request, &i->profile, problem);
        return r != 0 ? r : key_take(i, request_key(o->request), problem);
    }
    if (old != NULL) {
        r = profile_of_key(old, &i->profile, problem);
        return r != 0 ? r : key_take(i, old, problem);
    }
    return key_make(i, problem);
}

int authority_consider(const struct authority *a,
                       const struct authority_order *o, int64_t *until,
                       const struct profile **profile, char problem[256])
{
    struct issue i = {.a = a, .o = o};
    int r;

    problem[0] = '\0';
    r = issue_prepare(&i, NULL, problem);
    if (r == 0) {
        *until = i.plan.to;
        *profile = i.profile;
    }
    issue_release(&i);
    if (r != 0 && problem[0] == '\0')
        authority_fail(problem, r, "%s", sp_strerror(r));
    return r;
}

/* The certificate, then what a verifier needs to get to the root. */
static char *chain_pem(const struct authority *a, const char *leaf)
{
    char *issuing, *both = NULL;

    if (a->cert == a->root)
        return strdup(leaf);
    issuing = authority_cert_pem(a->cert);
    if (issuing != NULL && asprintf(&both, "%s%s", leaf, issuing) < 0)
        both = NULL;
    free(issuing);
    return both;
}

static int texts_make(const struct issue *i, const char *leaf,
                      struct authority_issued *made)
{
    made->cert_pem = chain_pem(i->a, leaf);
    if (i->made)
        made->key_pem = authority_key_text(i->key, NULL);
    return made->cert_pem == NULL || (i->made && made->key_pem == NULL)
               ? SP_ENOMEM
               : 0;
}

static int issue_sign(struct issue *i, X509 **cert,
                      struct authority_record *record, char problem[256])
{
    char serial[CERTIFICATE_SERIAL_TEXT];
    int r = 0;

    if (i->a->key == NULL)
        return authority_fail(problem, SP_EPERM,
                              "the authority's key is not here");
    if (i->made)
        r = profile_make_key(i->profile, &i->key);
    i->plan.key = i->key;
    i->plan.alternatives = i->names;
    i->plan.issuer = i->a->cert;
    i->plan.issuer_key = i->a->key;
    if (r != 0 || (r = certificate_make(&i->plan, cert, serial)) != 0) {
        pem_problem(problem, "the certificate cannot be made");
        return r;
    }
    r = authority_record_fill(*cert, serial, i->party, i->person,
                              i->profile->name, i->o->now, record);
    return r == 0 ? 0 : authority_fail(problem, r, "%s", sp_strerror(r));
}

static int issue_run(struct authority *a, struct issue *i,
                     struct authority_issued *out, char problem[256])
{
    struct authority_issued made = {0};
    X509 *cert = NULL;
    char *leaf = NULL;
    int r = issue_sign(i, &cert, &made.record, problem);

    if (r != 0)
        goto out;
    leaf = authority_cert_pem(cert);
    r = leaf == NULL ? SP_ENOMEM : texts_make(i, leaf, &made);
    if (r == 0 && (r = authority_record_add(a->records, &a->index, &made.record,
                                            leaf)) != 0)
        authority_fail(problem, r, "%s.crt and index of what is issued: %s",
                       made.record.serial, sp_strerror(r));
    if (r == 0) {
        *out = made;
        made = (struct authority_issued){0};
    }
out:
    authority_issued_free(&made);
    X509_free(cert);
    free(leaf);
    return r;
}

int authority_issue(struct authority *a, const struct authority_order *o,
                    struct authority_issued *out, char problem[256])
{
    struct issue i = {.a = a, .o = o};
    int r;

    problem[0] = '\0';
    if ((r = issue_prepare(&i, NULL, problem)) == 0)
        r = issue_run(a, &i, out, problem);
    issue_release(&i);
    if (r != 0 && problem[0] == '\0')
        authority_fail(problem, r, "%s", sp_strerror(r));
    return r;
}

/* --- renewing ------------------------------------------------------------ */

static bool record_is_of(const struct authority_record *r,
                         const struct authority_order *o)
{
    return strcmp(r->party, o->party) == 0 && strcmp(r->person, o->person) == 0;
}

/* The one that ends last of those that are good. */
static const struct authority_record *newest(const struct authority *a,
                                             const struct authority_order *o)
{
    const struct authority_record *found = NULL;

    for (size_t i = 0; i < a->index.count; i++) {
        const struct authority_record *r = &a->index.list[i];

        if (r->revoked == 0 && record_is_of(r, o) &&
            (found == NULL || r->not_after >= found->not_after))
            found = r;
    }
    return found;
}

static int gain_check(const struct issue *i, X509 *old, char problem[256])
{
    char until[CLOCK_UTC_SIZE];

    if (i->plan.to > authority_end(old) ||
        EVP_PKEY_eq(X509_get0_pubkey(old), i->key) != 1)
        return 0;
    clock_format_utc(authority_end(old), until);
    return authority_fail(problem, SP_EEXIST,
                          "nothing would be gained: there is a certificate for "
                          "this key until %s",
                          until);
}

/* In memory; what stores the index next makes it durable. */
static void older_revoke(struct authority *a, const struct authority_order *o)
{
    for (size_t i = 0; i < a->index.count; i++) {
        struct authority_record *r = &a->index.list[i];

        if (r->revoked != 0 || !record_is_of(r, o) || r->not_after <= o->now)
            continue;
        r->revoked = o->now;
        r->reason = AUTHORITY_SUPERSEDED;
    }
}

static int renew_run(struct authority *a, struct issue *i, X509 *old,
                     bool revoke_old, struct authority_issued *out,
                     char problem[256])
{
    int r = issue_prepare(i, X509_get0_pubkey(old), problem);

    if (r == 0)
        r = gain_check(i, old, problem);
    if (r != 0)
        return r;
    if (revoke_old)
        older_revoke(a, i->o);
    r = issue_run(a, i, out, problem);
    return r;
}

int authority_renew(struct authority *a, const struct authority_order *o,
                    bool revoke_old, struct authority_issued *out,
                    char problem[256])
{
    const struct authority_record *record;
    struct issue i = {.a = a, .o = o};
    X509 *old = NULL;
    int r;

    problem[0] = '\0';
    r = o->party == NULL ? SP_EINVAL
                         : authority_check_names(o->deployment, o->party,
                                                 o->person, problem);
    if (r != 0)
        return r;
    record = newest(a, o);
    if (record == NULL)
        return authority_fail(problem, SP_ENOENT,
                              "%s/%s has no certificate that could be renewed: "
                              "expected one that is not revoked",
                              o->party, o->person);
    r = authority_index_certificate(a->records, record, &old, problem);
    if (r == 0)
        r = renew_run(a, &i, old, revoke_old, out, problem);
    X509_free(old);
    issue_release(&i);
    if (r != 0 && problem[0] == '\0')
        authority_fail(problem, r, "%s", sp_strerror(r));
    return r;
}

/* --- shorthands ---------------------------------------------------------- */

static int issue_at(const char *folder, const struct authority_order *o,
                    struct authority_issued *out, char problem[256])
{
    const struct authority_opening opening = {
        .at = AT_FDCWD, .folder = folder, .with_key = true};
    struct authority *a = NULL;
    int r = authority_open(&opening, &a, problem);

    if (r == 0)
        r = authority_issue(a, o, out, problem);
    authority_close(a);
    return r;
}

int authority_issue_client(const char *folder, const char *deployment,
                           const char *party, const char *person, int64_t now,
                           int64_t not_after, const uint8_t *csr_pem,
                           size_t csr_length, struct authority_issued *out,
                           char problem[256])
{
    struct request *request = NULL;
    struct authority_order o = {.deployment = deployment,
                                .party = party,
                                .person = person,
                                .now = now,
                                .not_after = not_after};
    int r = 0;

    if (csr_pem != NULL)
        r = request_read(csr_pem, csr_length, &request, problem);
    o.request = request;
    if (r == 0)
        r = issue_at(folder, &o, out, problem);
    request_free(request);
    return r;
}

int authority_issue_server(const char *folder, const char *deployment,
                           const char *const *names, size_t nnames, int64_t now,
                           int64_t not_after, struct authority_issued *out,
                           char problem[256])
{
    const struct authority_order o = {.deployment = deployment,
                                      .names = names,
                                      .nnames = nnames,
                                      .now = now,
                                      .not_after = not_after};

    return issue_at(folder, &o, out, problem);
}
