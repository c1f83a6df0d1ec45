/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the own routes. Runs in a worker, on what a known person sent. A
 * finding is sealed as soon as it is whole and its plaintext wiped; whatever
 * is taken out of this process afterwards is of no use to who has not the key.
 * An acceptance is only unpacked: what it is worth, the keeper says.
 */
#include "gateway/own.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/own_view.h"

static const char *const problems[OWN_PROBLEMS] = {
    [OWN_DOCUMENT] = "The acceptance is of no document of this party.",
    [OWN_VERSION] = "The acceptance is of another version of the document: "
                    "its sha256 is not the policy's.",
    [OWN_STATEMENT] = "The statement is not the text that must be signed: GET "
                      "/sallyport/v1/nda gives it.",
    [OWN_OTHER_CERTIFICATE] = "The certificate is not the one that this "
                              "connection was made with.",
    [OWN_CERTIFICATE] = "The certificate is not vouched for as this person's: "
                        "its chain may be incomplete.",
    [OWN_ALGORITHM] = "The algorithm is unknown or does not fit the "
                      "certificate's key.",
    [OWN_SIGNATURE] = "The signature was not made by the certificate's key "
                      "over the statement.",
};

const char *own_problem_text(enum own_problem problem)
{
    return (unsigned)problem < OWN_PROBLEMS ? problems[problem] : NULL;
}

enum reason own_head_fault(const struct exchange *x, const char *id)
{
    const struct policy *p = x->rules->policy;
    int document;

    if (x->facts.route != ROUTE_NDA_DOCUMENT)
        return REASON_NONE;
    document = policy_find_document(p, id);
    return document >= 0 &&
                   policy_party_document(p, x->facts.party, (uint32_t)document)
               ? REASON_NONE
               : REASON_DOCUMENT_NOT_FOUND;
}

int64_t own_body_limit(const struct exchange *x)
{
    const struct policy *p = x->rules->policy;

    /* Without findings there is no such route; the keeper says so. */
    if (x->facts.route == ROUTE_FINDINGS)
        return p->has_findings ? p->findings_max : LIMIT_FINDING_BYTES;
    return x->facts.route == ROUTE_NDA_ACCEPT ? LIMIT_ACCEPT_BYTES : 0;
}

static void fault_set(struct exchange *x, enum reason fault, const char *text)
{
    x->facts.fault = fault;
    x->substitute.text = text;
}

/* ---- findings ---- */

static int finding_seal(struct exchange *x)
{
    size_t length = x->body.length + crypto_box_SEALBYTES;
    uint8_t *sealed;
    int r = buf_reserve(&x->forward, length, &sealed);

    if (r != 0)
        return r;
    if (crypto_box_seal(sealed, buf_bytes(&x->body), x->body.length,
                        x->rules->policy->findings_key) != 0)
        return SP_ECRYPTO;
    buf_commit(&x->forward, length);
    crypto_hash_sha256(x->sealed_sha256, sealed, length);
    return 0;
}

static void finding_read(struct exchange *x)
{
    if (!x->rules->policy->has_findings)
        return;
    if (x->body.length == 0)
        fault_set(x, REASON_INVALID_FIELD, "The finding is empty.");
    else if (finding_seal(x) != 0)
        fault_set(x, REASON_OVERLOADED, NULL);
}

/* ---- acceptances ---- */

#define BASE64_MAX(bytes) (((bytes) + 2) / 3 * 4)
/* Tools break lines of base64; a line's end in JSON is two more characters. */
#define TEXT_MAX (BASE64_MAX(LIMIT_CERTIFICATE_BYTES) * 2)

/* An acceptance as it is unpacked, with the bytes that it points to. */
struct unpacked {
    struct own_acceptance a;
    uint8_t certificate[LIMIT_CERTIFICATE_BYTES];
    uint8_t signature[LIMIT_SIGNATURE_BYTES];
    uint8_t chain[LIMIT_CERTIFICATE_CHAIN][LIMIT_CERTIFICATE_BYTES];
    char statement[ACCEPTANCE_STATEMENT_SIZE];
    char document[LIMIT_NAME_BYTES + 1];
};

static int text_read(const struct json *j, uint32_t node, char *out,
                     size_t size)
{
    return node != 0 && j->nodes[node].type == JSON_STRING
               ? json_text(j, node, out, size)
               : SP_EINVAL;
}

static int bytes_read(const struct json *j, uint32_t node, uint8_t *out,
                      size_t size, size_t *length)
{
    char text[TEXT_MAX + 1];

    if (text_read(j, node, text, sizeof(text)) != 0 ||
        sodium_base642bin(out, size, text, strlen(text), "\r\n", length, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        *length == 0)
        return SP_EINVAL;
    return 0;
}

/* {"document":…,"sha256":…,"statement":…,"certificate":…,"signature":…}, and
 * perhaps "algorithm" and "chain"; anything else might mean something to
 * whoever wrote it, and is refused. */
static bool members_are_known(const struct json *j)
{
    static const char *const names[] = {"document",    "sha256",    "statement",
                                        "certificate", "signature", "algorithm",
                                        "chain"};

    for (uint32_t m = j->nodes[0].child; m != 0; m = j->nodes[m].next) {
        bool known = false;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            known = known || json_equals(j, j->nodes[m].name, names[i]);
        if (!known)
            return false;
    }
    return true;
}

static int chain_read(const struct json *j, struct unpacked *u)
{
    uint32_t chain = json_member(j, 0, "chain");

    if (chain == 0)
        return 0;
    if (j->nodes[chain].type != JSON_ARRAY ||
        j->nodes[chain].count > LIMIT_CERTIFICATE_CHAIN)
        return SP_EINVAL;
    for (uint32_t m = j->nodes[chain].child; m != 0; m = j->nodes[m].next) {
        uint32_t i = u->a.nchain++;

        u->a.chain[i] = u->chain[i];
        if (bytes_read(j, m, u->chain[i], sizeof(u->chain[i]),
                       &u->a.chain_length[i]) != 0)
            return SP_EINVAL;
    }
    return 0;
}

static int algorithm_read(const struct json *j, struct unpacked *u)
{
    uint32_t m = json_member(j, 0, "algorithm");
    char text[32];

    u->a.algorithm = ACCEPTANCE_BY_KEY;
    if (m == 0)
        return 0;
    if (text_read(j, m, text, sizeof(text)) != 0)
        return SP_EINVAL;
    u->a.algorithm = acceptance_algorithm_from(text);
    return 0;
}

static int sha256_read(const struct json *j, struct unpacked *u)
{
    char hex[65];
    size_t length = 0;

    return text_read(j, json_member(j, 0, "sha256"), hex, sizeof(hex)) == 0 &&
                   strlen(hex) == 64 &&
                   sodium_hex2bin(u->a.sha256, sizeof(u->a.sha256), hex, 64,
                                  NULL, &length, NULL) == 0 &&
                   length == 32
               ? 0
               : SP_EINVAL;
}

static int members_read(const struct json *j, struct unpacked *u)
{
    u->a.certificate = u->certificate;
    u->a.signature = u->signature;
    return j->nodes[0].type == JSON_OBJECT && members_are_known(j) &&
                   text_read(j, json_member(j, 0, "document"), u->document,
                             sizeof(u->document)) == 0 &&
                   text_read(j, json_member(j, 0, "statement"), u->statement,
                             sizeof(u->statement)) == 0 &&
                   sha256_read(j, u) == 0 &&
                   bytes_read(j, json_member(j, 0, "certificate"),
                              u->certificate, sizeof(u->certificate),
                              &u->a.certificate_length) == 0 &&
                   bytes_read(j, json_member(j, 0, "signature"), u->signature,
                              sizeof(u->signature),
                              &u->a.signature_length) == 0 &&
                   algorithm_read(j, u) == 0 && chain_read(j, u) == 0
               ? 0
               : SP_EINVAL;
}

/* What can be told apart without a key is told here, in words that help; the
 * keeper looks at all of it again. */
static enum own_problem unpacked_check(const struct exchange *x,
                                       struct unpacked *u)
{
    const struct policy *p = x->rules->policy;
    int document = policy_find_document(p, u->document);
    char text[ACCEPTANCE_STATEMENT_SIZE];

    if (document < 0 ||
        !policy_party_document(p, x->facts.party, (uint32_t)document))
        return OWN_DOCUMENT;
    u->a.document = (uint32_t)document;
    if (memcmp(u->a.sha256, p->documents[document].sha256, 32) != 0)
        return OWN_VERSION;
    if (u->a.algorithm == ACCEPTANCE_ALGORITHMS)
        return OWN_ALGORITHM;
    if (own_statement(x, u->a.document, text) != 0 ||
        strcmp(text, u->statement) != 0)
        return OWN_STATEMENT;
    return OWN_FINE;
}

static int acceptance_put(struct exchange *x, const struct unpacked *u)
{
    size_t length;
    uint8_t *room;
    int r = buf_reserve(&x->forward, OWN_CONTENT_BYTES, &room);

    if (r == 0)
        r = own_acceptance_put(&u->a, room, OWN_CONTENT_BYTES, &length);
    if (r == 0)
        buf_commit(&x->forward, length);
    return r;
}

static void acceptance_unpack(struct exchange *x, const struct json *j)
{
    struct unpacked *u = calloc(1, sizeof(*u));
    enum own_problem problem;

    if (u == NULL) {
        fault_set(x, REASON_OVERLOADED, NULL);
        return;
    }
    if (members_read(j, u) != 0)
        fault_set(x, REASON_INVALID_FIELD,
                  "An acceptance has document, sha256, statement, certificate "
                  "and signature, and may have algorithm and chain.");
    else if ((problem = unpacked_check(x, u)) != OWN_FINE)
        fault_set(x, REASON_NDA_INVALID, own_problem_text(problem));
    else if (acceptance_put(x, u) != 0)
        fault_set(x, REASON_OVERLOADED, NULL);
    free(u);
}

static enum reason json_reason(enum json_fault fault)
{
    return fault == JSON_DUPLICATE_NAME ? REASON_DUPLICATE_KEY
           : fault == JSON_TOO_DEEP     ? REASON_TOO_DEEP
           : fault == JSON_NO_MEMORY    ? REASON_OVERLOADED
                                        : REASON_INVALID_JSON;
}

static void acceptance_read(struct exchange *x)
{
    struct json j = {0};
    const char *text =
        x->body.length > 0 ? (const char *)buf_bytes(&x->body) : "";

    if (json_parse(&j, text, x->body.length, 2, 64) != 0)
        fault_set(x, json_reason(j.fault), NULL);
    else
        acceptance_unpack(x, &j);
    json_release(&j);
}

void own_read(struct exchange *x)
{
    struct commitment asked;

    if (route_info(x->facts.route)->method != METHOD_POST)
        return;
    /* Of what was asked, before it is gone. */
    commitment_init(&asked, x->salt);
    if (x->body.length > 0)
        commitment_add(&asked, buf_bytes(&x->body), x->body.length);
    commitment_end(&asked, x->asked);
    x->committed = true;
    if (x->facts.route == ROUTE_FINDINGS)
        finding_read(x);
    else
        acceptance_read(x);
    buf_release(&x->body); /* wiped */
}
