/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's own routes in the keeper: what a person accepts and files is
 * written down here, and what is known of a person is told from here.
 *
 * A worker may have been taken over. It can say whose request this is, but it
 * cannot accept for anybody: the keeper itself verifies the signature, that the
 * certificate is the one in the request's facts, and that the party's own
 * anchors vouch for it as this person's (P12). Stale or forged, it is a fault
 * of the request, recorded with it, so that the refusal can be decided again
 * (P6).
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/keeper.h"
#include "gateway/own_messages.h"
#include "lib/base64.h"
#include "lib/log.h"

/* ---- contents ---- */

void keeper_own_drop(struct keeper_link *l)
{
    l->own.ready = l->own.started = false;
    l->own.length = 0;
}

void keeper_own_release(struct keeper_link *l)
{
    if (l->own.data != NULL)
        sodium_memzero(l->own.data, OWN_CONTENT_BYTES);
    free(l->own.data);
    l->own = (struct keeper_own){0};
}

/* A first part takes the place of whatever was there: a worker whose ring had
 * no room for the rest begins anew. */
int keeper_take_part(struct keeper_link *l, const uint8_t *data, size_t length,
                     const char **what)
{
    struct keeper_own *o = &l->own;
    struct own_part part;

    *what = "malformed part";
    if (own_part_get(&part, data, length) != 0)
        return SP_EPROTO;
    *what = "a part that is not what is next";
    if (part.part == 0) {
        keeper_own_drop(l);
        o->started = true;
        o->ticket = part.ticket;
        o->next = 0;
        o->parts = part.parts;
    }
    if (!o->started || o->ready || part.ticket != o->ticket ||
        part.part != o->next || part.parts != o->parts ||
        part.length > OWN_CONTENT_BYTES - o->length)
        return SP_EPROTO;
    if (o->data == NULL && (o->data = malloc(OWN_CONTENT_BYTES)) == NULL)
        fatal("own_content", "problem=\"out of memory\"");
    memcpy(o->data + o->length, part.data, part.length);
    o->length += part.length;
    o->next++;
    o->ready = o->next == o->parts;
    return 0;
}

/* ---- acceptances ---- */

/* True if this worker may have one more signature verified in this second. */
static bool verification_fits(const struct keeper *k, struct keeper_link *l)
{
    int64_t second = k->boot / 1000;

    if (l->own.second != second) {
        l->own.second = second;
        l->own.verifications = 0;
    }
    return l->own.verifications++ < KEEPER_VERIFICATIONS_PER_SECOND;
}

static int chain_read(const struct own_acceptance *a, STACK_OF(X509) * chain)
{
    for (uint32_t i = 0; i < a->nchain; i++) {
        X509 *cert = NULL;
        int r = acceptance_certificate(a->chain[i], a->chain_length[i], &cert);

        if (r == 0 && sk_X509_push(chain, cert) <= 0) {
            X509_free(cert);
            r = SP_ENOMEM;
        }
        if (r != 0)
            return r;
    }
    return 0;
}

/* Whether the party's anchors vouch for it, now, as this very person's. */
static bool certificate_is_theirs(const struct keeper *k, const struct facts *f,
                                  X509 *cert, const struct own_acceptance *a)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    /* The very certificate that the connection came with: whether its listener
     * takes the test PKI's has been asked there. */
    const struct identity_options options = {.allow_test_pki = true};
    struct identity id = {0};
    int why, r = SP_ENOMEM;

    if (chain != NULL && (r = chain_read(a, chain)) == 0)
        r = identity_from_chain(k->identities, cert, chain, k->now, &options,
                                &id, &why);
    sk_X509_pop_free(chain, X509_free);
    identity_release(&id);
    return r == 0 && id.party == f->party && id.person == f->person &&
           memcmp(id.cert_sha256, f->cert_sha256, 32) == 0;
}

static enum own_problem signature_examine(const struct keeper *k,
                                          const struct facts *f, X509 *cert,
                                          struct own_acceptance *a)
{
    const struct policy *p = k->policy;
    const struct acceptance_claim claim = {
        .origin = k->origin,
        .party = p->parties[f->party].name,
        .person = p->people[f->person].name,
        .document = p->documents[a->document].name,
        .sha256 = p->documents[a->document].sha256,
        .cert_sha256 = f->cert_sha256,
    };
    char text[ACCEPTANCE_STATEMENT_SIZE];
    int r = acceptance_statement(&claim, text);

    if (r == 0)
        r = acceptance_verify(X509_get0_pubkey(cert), &a->algorithm, text,
                              a->signature, a->signature_length);
    return r == 0                 ? OWN_FINE
           : r == SP_EUNSUPPORTED ? OWN_ALGORITHM
                                  : OWN_SIGNATURE;
}

static enum own_problem certificate_examine(const struct keeper *k,
                                            const struct facts *f,
                                            struct own_acceptance *a)
{
    uint8_t sha256[32];
    X509 *cert = NULL;
    enum own_problem problem = OWN_CERTIFICATE;

    crypto_hash_sha256(sha256, a->certificate, a->certificate_length);
    if (memcmp(sha256, f->cert_sha256, sizeof(sha256)) != 0)
        return OWN_OTHER_CERTIFICATE;
    if (acceptance_certificate(a->certificate, a->certificate_length, &cert) ==
            0 &&
        certificate_is_theirs(k, f, cert, a))
        problem = signature_examine(k, f, cert, a);
    X509_free(cert);
    return problem;
}

static enum own_problem acceptance_examine(const struct keeper *k,
                                           const struct facts *f,
                                           struct own_acceptance *a)
{
    const struct policy *p = k->policy;

    if (a->document >= p->ndocuments ||
        !policy_party_document(p, f->party, a->document))
        return OWN_DOCUMENT;
    if (memcmp(a->sha256, p->documents[a->document].sha256, 32) != 0)
        return OWN_VERSION;
    return certificate_examine(k, f, a);
}

/* ---- before the entry ---- */

/* The content of this very question, or it broke the protocol. */
static int content_check(const struct keeper_link *l, uint64_t ticket,
                         const char **what)
{
    *what = "a question without its content";
    return l->own.ready && l->own.ticket == ticket ? 0 : SP_EPROTO;
}

static int accept_examine(struct keeper *k, struct keeper_link *l,
                          struct ask_admit *ask, struct keeper_case *c,
                          const char **what)
{
    int r = content_check(l, ask->ticket, what);

    if (r != 0)
        return r;
    *what = "malformed acceptance";
    if (own_acceptance_get(&c->acceptance, l->own.data, l->own.length) != 0)
        return SP_EPROTO;
    if (!verification_fits(k, l)) {
        ask->facts.fault = REASON_OVERLOADED;
        return 0;
    }
    c->problem = acceptance_examine(k, &ask->facts, &c->acceptance);
    if (c->problem != OWN_FINE)
        ask->facts.fault = REASON_NDA_INVALID;
    return 0;
}

static int finding_examine(const struct keeper *k, const struct keeper_link *l,
                           const struct ask_admit *ask, const char **what)
{
    int r = content_check(l, ask->ticket, what);

    if (r != 0)
        return r;
    *what = "a finding of an impossible size";
    return l->own.length <= crypto_box_SEALBYTES ||
                   l->own.length >
                       (uint64_t)k->policy->findings_max + crypto_box_SEALBYTES
               ? SP_EPROTO
               : 0;
}

int keeper_own_examine(struct keeper *k, struct keeper_link *l,
                       struct ask_admit *ask, struct verdict *v,
                       struct keeper_case *c, const char **what)
{
    int r = 0;

    *c = (struct keeper_case){0};
    if (v->reason != REASON_NONE)
        return 0;
    if (ask->facts.route == ROUTE_NDA_ACCEPT)
        r = accept_examine(k, l, ask, c, what);
    else if (ask->facts.route == ROUTE_FINDINGS)
        r = finding_examine(k, l, ask, what);
    if (r == 0 && ask->facts.fault != REASON_NONE)
        *v = policy_decide(k->policy, k->standing, &ask->facts, k->now,
                           k->clock.state);
    return r;
}

/* ---- behind it ---- */

static void acceptance_record(struct keeper *k, const struct ask_admit *ask,
                              const struct own_acceptance *a,
                              struct answer_admit *answer)
{
    static char certificate[BASE64_SIZE(LIMIT_CERTIFICATE_BYTES)];
    static char signature[BASE64_SIZE(LIMIT_SIGNATURE_BYTES)];
    const struct policy *p = k->policy;
    const struct policy_document *document = &p->documents[a->document];
    struct standing_acceptance before;
    struct entry e = {
        .kind = ENTRY_NDA_ACCEPTED,
        .u.nda_accepted = {.of = answer->n,
                           .party = p->parties[ask->facts.party].name,
                           .person = p->people[ask->facts.person].name,
                           .document = document->name,
                           .certificate = certificate,
                           .signature = signature,
                           .algorithm =
                               acceptance_algorithm_text(a->algorithm)},
    };

    if (standing_accepted(k->standing, ask->facts.person, document->sha256,
                          &before)) {
        answer->made = before.n; /* once is enough, and is what counts */
        return;
    }
    memcpy(e.u.nda_accepted.sha256, document->sha256, 32);
    base64_encode(a->certificate, a->certificate_length, certificate);
    base64_encode(a->signature, a->signature_length, signature);
    answer->made = keeper_record(k, &e);
    answer->behind = 1;
}

static void finding_record(struct keeper *k, const struct keeper_own *o,
                           const struct ask_admit *ask,
                           struct answer_admit *answer)
{
    static char data[BASE64_SIZE(LIMIT_FINDING_PART)];
    const struct policy *p = k->policy;
    uint32_t parts =
        (uint32_t)((o->length + LIMIT_FINDING_PART - 1) / LIMIT_FINDING_PART);
    struct entry e = {
        .kind = ENTRY_FINDING_FILED,
        .u.finding_filed = {.of = answer->n,
                            .parts = parts,
                            .party = p->parties[ask->facts.party].name,
                            .person = p->people[ask->facts.person].name,
                            .data = data},
    };

    crypto_hash_sha256(e.u.finding_filed.sha256, o->data, o->length);
    for (uint32_t i = 0; i < parts; i++) {
        size_t at = (size_t)i * LIMIT_FINDING_PART, length = o->length - at;
        uint64_t n;

        if (length > LIMIT_FINDING_PART)
            length = LIMIT_FINDING_PART;
        e.u.finding_filed.part = i + 1;
        base64_encode(o->data + at, length, data);
        n = keeper_record(k, &e);
        if (i == 0)
            answer->made = n;
    }
    answer->behind = parts;
}

/* ---- what is known of a person ---- */

static void spent_totals(const struct spent *s, uint64_t totals[UNIT_COUNT])
{
    for (int u = 0; u < UNIT_COUNT; u++)
        totals[u] = s == NULL ? 0 : s->total[u];
}

static void send_window(struct keeper *k, struct keeper_link *l,
                        const struct ask_admit *ask, uint32_t window)
{
    const struct policy_window *w = &k->policy->windows[window];
    struct own_window row = {.ticket = ask->ticket, .window = window};
    struct standing_window s;
    uint8_t data[RING_RECORD_MAX];
    size_t length;

    standing_window(k->standing, window, &s);
    row.closes = s.closes;
    row.statement = s.statement;
    row.reason = decide_window_reason(k->policy, k->standing, window, k->now);
    for (; row.nterms < w->nterms && row.nterms < OWN_TERMS; row.nterms++) {
        const struct standing_place at = {
            .window = window, .person = ask->facts.person, .terms = row.nterms};

        spent_totals(standing_spent(k->standing, SCOPE_WINDOW, &at),
                     row.all[row.nterms]);
        spent_totals(standing_spent(k->standing, SCOPE_WINDOW_PERSON, &at),
                     row.own[row.nterms]);
    }
    if (own_window_put(&row, data, sizeof(data), &length) != 0)
        fatal("own_window", "window=%u", window);
    keeper_send(k, l, data, length);
}

static void send_document(struct keeper *k, struct keeper_link *l,
                          const struct ask_admit *ask, uint32_t document)
{
    struct own_document row = {.ticket = ask->ticket, .document = document};
    struct standing_acceptance a = {0};
    uint8_t data[64];
    size_t length;

    row.accepted = standing_accepted(k->standing, ask->facts.person,
                                     k->policy->documents[document].sha256, &a);
    row.n = a.n;
    row.t = a.t;
    if (own_document_put(&row, data, sizeof(data), &length) != 0)
        fatal("own_document", "document=%u", document);
    keeper_send(k, l, data, length);
}

static void send_status(struct keeper *k, struct keeper_link *l,
                        const struct ask_admit *ask)
{
    const struct policy *p = k->policy;
    uint32_t party = ask->facts.party;

    for (uint32_t i = 0; i < p->nwindows; i++)
        if (p->windows[i].party == party)
            send_window(k, l, ask, i);
    for (uint32_t i = 0; i < p->ndocuments; i++)
        if (policy_party_document(p, party, i))
            send_document(k, l, ask, i);
}

void keeper_own_record(struct keeper *k, struct keeper_link *l,
                       const struct ask_admit *ask, const struct keeper_case *c,
                       struct answer_admit *answer)
{
    bool allowed = answer->reason == REASON_NONE;

    answer->problem = c->problem;
    if (allowed && ask->facts.route == ROUTE_NDA_ACCEPT)
        acceptance_record(k, ask, &c->acceptance, answer);
    else if (allowed && ask->facts.route == ROUTE_FINDINGS)
        finding_record(k, &l->own, ask, answer);
    else if (allowed && (ask->facts.route == ROUTE_STATUS ||
                         ask->facts.route == ROUTE_NDA))
        send_status(k, l, ask);
    if (l->own.started)
        keeper_own_drop(l);
}
