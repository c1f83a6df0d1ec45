/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request from options into facts, by what the gate reads requests with.
 * Runs in the command; the body is whatever the operator gave.
 */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "ctl/explain.h"
#include "policy/body.h"
#include "policy/labels.h"
#include "policy/network.h"

static int who_find(const struct policy *p, const char *as, struct facts *f)
{
    char party[LIMIT_NAME_BYTES + 1];
    const char *slash = strchr(as, '/');
    int found, person;

    if (slash == NULL || (size_t)(slash - as) > LIMIT_NAME_BYTES)
        return explain_complain("--as %s: expected PARTY/PERSON", as);
    snprintf(party, sizeof party, "%.*s", (int)(slash - as), as);
    found = policy_find_party(p, party);
    if (found < 0)
        return explain_complain("--as %s: no party \"%s\" in the policy", as,
                                party);
    person = policy_find_person(p, (uint32_t)found, slash + 1);
    if (person < 0)
        return explain_complain("--as %s: \"%s\" has no person \"%s\"", as,
                                party, slash + 1);
    f->party = (uint32_t)found;
    f->person = (uint32_t)person;
    return 0;
}

/* The first thing that is wrong is what is told. */
static void fault_set(struct facts *f, enum reason fault)
{
    if (f->fault == REASON_NONE)
        f->fault = fault;
}

/* "Name: value" as a client would write it. */
static int header_take(struct facts *f, const char *header)
{
    const char *colon = strchr(header, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - header), length;
    char name[64];
    int r;

    if (n == 0 || n >= sizeof name)
        return explain_complain("--header %s: expected NAME: VALUE", header);
    for (size_t i = 0; i < n; i++)
        name[i] = (char)tolower((unsigned char)header[i]);
    name[n] = 0;
    colon += 1 + strspn(colon + 1, " \t");
    length = strlen(colon);
    while (length > 0 &&
           (colon[length - 1] == ' ' || colon[length - 1] == '\t'))
        length--;
    if ((r = labels_take(f, name, colon, length)) == SP_ENOENT)
        return explain_complain("--header %s: no decision depends on it: "
                                "expected x-sallyport-purpose, "
                                "x-sallyport-case, anthropic-version or "
                                "anthropic-beta",
                                header);
    if (r != 0)
        fault_set(f, REASON_BAD_REQUEST);
    /* Lists and unknown routes have no dialect of their own. */
    if (strcmp(name, "anthropic-version") == 0 &&
        (f->route == ROUTE_UNKNOWN || route_info(f->route)->local))
        f->dialect = DIALECT_ANTHROPIC;
    return 0;
}

static enum method method_of(const char *name)
{
    if (strcmp(name, "GET") == 0)
        return METHOD_GET;
    if (strcmp(name, "HEAD") == 0)
        return METHOD_HEAD;
    return strcmp(name, "POST") == 0 ? METHOD_POST : METHOD_OTHER;
}

static void target_take(const struct explain_request *r, struct facts *f,
                        struct target *target)
{
    size_t length = strlen(r->path);
    enum target_fault fault;

    *target = (struct target){0};
    f->method = method_of(r->method);
    fault = length > LIMIT_TARGET_BYTES
                ? TARGET_MALFORMED
                : target_match(f->method, r->path, length, target);
    f->route = target->route;
    f->dialect = target->dialect;
    if (f->route == ROUTE_MODEL)
        snprintf(f->model, sizeof f->model, "%s", target->id);
    if (fault == TARGET_MALFORMED)
        fault_set(f, REASON_BAD_REQUEST);
    else if (fault == TARGET_UNKNOWN)
        fault_set(f, REASON_ROUTE_UNKNOWN);
    else if (fault == TARGET_METHOD || f->method == METHOD_OTHER)
        fault_set(f, REASON_METHOD_NOT_ALLOWED);
}

/* What is said of a request before its body is read. */
static void head_check(const struct explain_request *r, const struct policy *p,
                       const struct target *target, struct facts *f)
{
    int document;

    if (r->body_length > 0 && f->method != METHOD_POST)
        f->fault = REASON_BAD_REQUEST; /* framing comes before all else */
    if (!route_info(f->route)->own &&
        (int64_t)r->body_length > policy_party_body_limit(p, f->party))
        fault_set(f, REASON_BODY_TOO_LARGE);
    if (f->route != ROUTE_NDA_DOCUMENT)
        return;
    document = policy_find_document(p, target->id);
    if (document < 0 || !policy_party_document(p, f->party, (uint32_t)document))
        fault_set(f, REASON_DOCUMENT_NOT_FOUND);
}

/* Whoever says nothing asks about a certificate that is right. */
static int revocation_take(const struct explain_request *r,
                           const struct policy_party *party, struct facts *f)
{
    static const char *const words[] = {NULL, "good", "revoked", "unknown"};

    if (r->revocation == NULL) {
        f->revocation = party->revocation.mode == POLICY_REVOCATION_NONE
                            ? REVOCATION_UNCHECKED
                            : REVOCATION_GOOD;
        return 0;
    }
    for (int i = REVOCATION_GOOD; i < REVOCATION_COUNT; i++)
        if (strcmp(words[i], r->revocation) == 0) {
            f->revocation = (enum revocation)i;
            return 0;
        }
    return explain_complain("--revocation %s: expected good, revoked or "
                            "unknown",
                            r->revocation);
}

static int certificate_take(const struct explain_request *r, struct facts *f)
{
    size_t n;

    if (r->certificate == NULL)
        return 0;
    if (strlen(r->certificate) == 64 &&
        sodium_hex2bin(f->cert_sha256, sizeof f->cert_sha256, r->certificate,
                       64, NULL, &n, NULL) == 0 &&
        n == sizeof f->cert_sha256)
        return 0;
    return explain_complain("--certificate %s: expected 64 hex digits, the "
                            "SHA-256 of its DER",
                            r->certificate);
}

int explain_facts(const struct explain_request *r, const struct policy *p,
                  struct json *body, struct facts *f)
{
    struct target target;
    uint8_t address[16];
    int error;

    *f = (struct facts){
        .cert_not_after = INT64_MAX, .max_tokens = -1, .outputs = 1};
    if ((error = who_find(p, r->as, f)) != 0 ||
        (error = revocation_take(r, &p->parties[f->party], f)) != 0 ||
        (error = certificate_take(r, f)) != 0)
        return error;
    if (strlen(r->address) >= sizeof f->address ||
        network_address(r->address, address) != 0)
        return explain_complain("--address %s: expected an IPv4 or IPv6 "
                                "address",
                                r->address);
    strcpy(f->address, r->address);
    target_take(r, f, &target);
    for (size_t i = 0; i < r->nheaders; i++)
        if ((error = header_take(f, r->headers[i])) != 0)
            return error;
    head_check(r, p, &target, f);
    f->body_bytes = r->body_length;
    if (f->fault == REASON_NONE && !route_info(f->route)->local)
        body_read(body, f->route, r->body == NULL ? "" : r->body,
                  r->body_length, f);
    return 0;
}
