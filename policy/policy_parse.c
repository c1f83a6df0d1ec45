/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a checked YAML tree to a policy, element by element; what concerns
 * several elements is in policy_check.c. Every problem is reported and the
 * rest is still looked at. Runs in the supervisor for an operator's file, and
 * in every role again on the same bytes.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/sealing.h"
#include "lib/utf8.h"
#include "policy/endpoint.h"
#include "policy/policy_build.h"
#include "policy/schemas.h"

char *build_text(struct policy_build *b, const struct node *n)
{
    char *text;

    if (!node_is_good(n) || n->kind != NODE_SCALAR)
        return NULL;
    text = strdup(n->text);
    if (text == NULL)
        b->no_memory = true;
    return text;
}

void *build_array(struct policy_build *b, size_t count, size_t size)
{
    void *array = calloc(count == 0 ? 1 : count, size);

    if (array == NULL)
        b->no_memory = true;
    return array;
}

/* A copy of a member's text; NULL if it is not there. */
static char *take_text(struct policy_build *b, const struct node *n,
                       const char *key)
{
    return build_text(b, node_member(n, key));
}

static int64_t take_number(const struct node *n, const char *key,
                           int64_t otherwise)
{
    return node_number(node_member(n, key), otherwise);
}

void file_check(struct policy_build *b, const struct node *n, const char *key,
                bool read, const char *expected)
{
    const struct node *m = node_member(n, key);
    const uint8_t *data;
    size_t length = read ? 0 : POLICY_FILE_LOOK;
    int r;

    if (b->file == NULL || !node_is_good(m) || m->kind != NODE_SCALAR)
        return;
    r = b->file(b->file_arg, m->text, &data, &length);
    if (r == SP_ENOMEM)
        b->no_memory = true;
    else if (r != 0)
        document_error(b->d, b->report, m, "file \"%.256s\": %s: expected %s",
                       m->text, sp_strerror(r), expected);
}

static void model_endpoints(struct policy_build *b, struct policy_model *m,
                            const struct node *upstream)
{
    const struct node *list = node_member(upstream, "endpoints"), *tls = NULL;
    size_t n = node_members(list);

    m->endpoints = build_array(b, n, sizeof *m->endpoints);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        const struct node *item = list->items[i];
        const char *expected;
        int r;

        m->nendpoints = i + 1;
        if (!node_is_good(item))
            continue;
        r = endpoint_parse(item->text, &m->endpoints[i], &expected);
        if (r == SP_ENOMEM)
            b->no_memory = true;
        else if (r != 0)
            document_error(b->d, b->report, item,
                           "bad endpoint \"%.128s\": expected %s", item->text,
                           expected);
        if (m->endpoints[i].scheme == ENDPOINT_HTTPS)
            tls = item;
    }
    if (tls != NULL && node_member(upstream, "ca") == NULL)
        document_error(b->d, b->report, tls,
                       "endpoint \"%.128s\" without \"ca\": expected the file "
                       "of its authority beside it",
                       tls->text);
}

static uint32_t api_routes(const char *api)
{
    uint32_t routes = 0;

    for (unsigned r = 0; r < ROUTE_COUNT; r++) {
        const char *name = route_info((enum route)r)->api;

        if (name != NULL && strcmp(name, api) == 0)
            routes |= 1u << r;
    }
    return routes;
}

static void designation_build(struct policy_build *b, struct policy_model *m,
                              const struct node *n)
{
    m->designation = take_text(b, n, "status");
    m->designated_by = take_text(b, n, "by");
    m->designation_reference = take_text(b, n, "reference");
}

static void model_build(struct policy_build *b, struct policy_model *m,
                        const struct node *n)
{
    const struct node *upstream = node_member(n, "upstream");
    const struct node *apis = node_member(n, "apis");

    m->name = strdup(n->key);
    m->upstream_name = take_text(b, upstream, "model");
    if (m->upstream_name == NULL)
        m->upstream_name = strdup(n->key);
    if (m->name == NULL || m->upstream_name == NULL)
        b->no_memory = true;
    m->ca = take_text(b, upstream, "ca");
    m->credential = take_text(b, upstream, "credential");
    m->client_certificate = take_text(b, upstream, "client_certificate");
    m->build = take_text(b, n, "build");
    m->release = take_number(n, "release", INT64_MAX);
    budget_build(&m->budget, node_member(n, "budget"));
    designation_build(b, m, node_member(n, "designation"));
    for (size_t i = 0; i < node_members(apis); i++)
        if (node_is_good(apis->items[i]))
            m->apis |= api_routes(apis->items[i]->text);
    model_endpoints(b, m, upstream);
    file_check(b, upstream, "ca", true, "a PEM file");
}

static void models_build(struct policy_build *b)
{
    size_t n = node_members(b->models);

    b->p->models = build_array(b, n, sizeof *b->p->models);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        b->p->nmodels = i + 1;
        model_build(b, &b->p->models[i], b->models->items[i]);
    }
}

static void people_build(struct policy_build *b, uint32_t party,
                         const struct node *people)
{
    for (size_t i = 0; i < node_members(people) && !b->no_memory; i++) {
        const struct node *n = people->items[i];
        struct policy_person *person = &b->p->people[b->p->npeople];

        b->people[b->p->npeople++] = n;
        person->party = party;
        if ((person->name = strdup(n->key)) == NULL)
            b->no_memory = true;
        person->kind = (enum person_kind)take_number(n, "kind", PERSON_HUMAN);
        person->custodian = take_text(b, n, "custodian");
        match_build(b, person, n);
        b->p->parties[party].npeople++;
    }
}

/* True if `n` is a key that things can be sealed to; if not, says so. */
static bool sealing_key_read(struct policy_build *b, const struct node *n,
                             uint8_t key[SEALING_KEY_BYTES])
{
    if (!node_is_good(n))
        return false;
    if (sealing_key_parse(n->text, key) == 0)
        return true;
    document_error(b->d, b->report, n,
                   "bad sealing key \"%.64s\": expected x25519: and 32 "
                   "bytes in base64",
                   n->text);
    return false;
}

static void party_build(struct policy_build *b, struct policy_party *party,
                        const struct node *n)
{
    party->name = strdup(n->key);
    if (party->name == NULL)
        b->no_memory = true;
    party->kind = (enum party_kind)take_number(n, "kind", PARTY_AUDITOR);
    party->anchors = take_text(b, n, "anchors");
    party->intermediates = take_text(b, n, "intermediates");
    party->selection = take_text(b, node_member(n, "selection"), "reference");
    party->has_sealing_key =
        sealing_key_read(b, node_member(n, "sealing_key"), party->sealing_key);
    if (party->anchors != NULL && strcmp(party->anchors, "ca") != 0)
        file_check(b, n, "anchors", true, "a PEM file");
    file_check(b, n, "intermediates", true, "a PEM file");
    certificates_build(b, party, n);
}

static void networks_build(struct policy_build *b, struct policy_party *party,
                           const struct node *list)
{
    size_t n = node_members(list);

    party->networks = build_array(b, n, sizeof *party->networks);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        const struct node *item = list->items[i];
        const char *expected;

        if (!node_is_good(item))
            continue;
        if (network_parse(item->text, &party->networks[party->nnetworks],
                          &expected) == 0)
            party->nnetworks++;
        else
            document_error(b->d, b->report, item,
                           "bad network \"%.64s\": expected %s", item->text,
                           expected);
    }
}

static void hour_read(struct policy_build *b, const struct node *n, int64_t *ms)
{
    if (node_is_good(n) && hours_parse_time(n->text, ms) != 0)
        document_error(b->d, b->report, n,
                       "bad time of day \"%.16s\": expected 00:00 to 24:00",
                       n->text);
}

static void hours_build(struct policy_build *b, struct hours *h,
                        const struct node *n)
{
    const struct node *days = node_member(n, "days");

    if (!node_is_good(n) || n->kind != NODE_MAP)
        return;
    for (size_t i = 0; i < node_members(days); i++)
        if (node_is_good(days->items[i]))
            h->days |= (uint8_t)(1u << days->items[i]->number);
    if (days == NULL)
        h->days = 0x7f;
    hour_read(b, node_member(n, "from"), &h->from);
    hour_read(b, node_member(n, "until"), &h->until);
}

static void parties_build(struct policy_build *b)
{
    size_t n = node_members(b->parties), people = 0;

    for (size_t i = 0; i < n; i++)
        people += node_members(node_member(b->parties->items[i], "people"));
    if (people > LIMIT_POLICY_PEOPLE)
        document_error_key(b->d, b->report, b->parties,
                           "%zu people: expected at most %d", people,
                           LIMIT_POLICY_PEOPLE);
    b->p->parties = build_array(b, n, sizeof *b->p->parties);
    b->p->people = build_array(b, people, sizeof *b->p->people);
    b->people = build_array(b, people, sizeof *b->people);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        const struct node *party = b->parties->items[i];

        b->p->nparties = i + 1;
        party_build(b, &b->p->parties[i], party);
        networks_build(b, &b->p->parties[i], node_member(party, "networks"));
        hours_build(b, &b->p->parties[i].hours, node_member(party, "hours"));
        revocation_build(b, &b->p->parties[i].revocation,
                         node_member(party, "revocation"));
        notices_build(b, &b->p->parties[i], node_member(party, "notices"));
        b->p->parties[i].first = (uint32_t)b->p->npeople;
        people_build(b, (uint32_t)i, node_member(party, "people"));
    }
}

/* The index of a name among a map's members; if it is none of them, says so
 * with the nearest. -1. */
int reference_find(struct policy_build *b, const struct node *name,
                   const struct node *map, const char *what)
{
    struct nearest nearest = {0};

    if (!node_is_good(name) || name->kind != NODE_SCALAR)
        return -1;
    for (size_t i = 0; i < node_members(map); i++)
        if (strcmp(map->items[i]->key, name->text) == 0)
            return (int)i;
    nearest.word = name->text;
    for (size_t i = 0; i < node_members(map); i++)
        nearest_try(&nearest, map->items[i]->key);
    if (nearest.best != NULL)
        document_error(b->d, b->report, name,
                       "no %s \"%s\": did you mean \"%s\"?", what, name->text,
                       nearest.best);
    else
        document_error(b->d, b->report, name,
                       "no %s \"%s\": expected one that this policy defines",
                       what, name->text);
    return -1;
}

static void scope_add(struct policy_build *b, struct policy_party *party,
                      const struct node *item)
{
    int i = reference_find(b, item, b->parties, "party");

    if (i < 0)
        return;
    for (size_t k = 0; k < party->nscope; k++)
        if (party->scope[k] == (uint32_t)i) {
            document_error(b->d, b->report, item,
                           "\"%s\" stands here twice: expected each once",
                           item->text);
            return;
        }
    party->scope[party->nscope++] = (uint32_t)i;
}

/* Of auditors alone; the parties they name may come later in the file. */
static void scopes_build(struct policy_build *b)
{
    for (size_t i = 0; i < b->p->nparties && !b->no_memory; i++) {
        struct policy_party *party = &b->p->parties[i];
        const struct node *list = node_member(b->parties->items[i], "scope");

        if (list == NULL)
            continue;
        if (party->kind != PARTY_AUDITOR) {
            document_error(b->d, b->report, list,
                           "a scope of \"%s\", which is no auditor: expected "
                           "it where kind is auditor",
                           party->name);
            continue;
        }
        party->scope = build_array(b, node_members(list), sizeof *party->scope);
        for (size_t k = 0; k < node_members(list) && !b->no_memory; k++)
            scope_add(b, party, list->items[k]);
    }
}

/* The end of a window as it is written; 0 after an error. */
static int64_t window_end(struct policy_build *b, const struct node *n,
                          int64_t opens)
{
    const struct node *lasts = node_member(n, "lasts");
    const struct node *closes = node_member(n, "closes");

    if ((lasts == NULL) == (closes == NULL)) {
        document_error(b->d, b->report, n,
                       "the window has %s: expected exactly one of them",
                       lasts == NULL ? "neither \"lasts\" nor \"closes\""
                                     : "both \"lasts\" and \"closes\"");
        return 0;
    }
    if (opens == 0 || !node_is_good(lasts != NULL ? lasts : closes))
        return 0;
    if (lasts != NULL)
        return opens + lasts->number;
    if (closes->number <= opens) {
        document_error(b->d, b->report, closes,
                       "the window closes at or before it opens: expected a "
                       "time after \"opens\"");
        return 0;
    }
    if (closes->number - opens > LIMIT_ACCESS_MS) {
        document_error(b->d, b->report, closes,
                       "the window is longer than 30 days: expected a time at "
                       "most 30d after \"opens\"");
        return 0;
    }
    return closes->number;
}

/* *lasts: as it is written, before the model's release cuts it. */
static void window_times(struct policy_build *b, struct policy_window *w,
                         const struct node *n, const struct policy_model *m,
                         int64_t *lasts)
{
    const struct node *opens = node_member(n, "opens");

    w->opens = take_number(n, "opens", 0);
    if (w->opens % 1000 != 0) {
        document_error(b->d, b->report, opens,
                       "\"opens\" with a fraction: expected whole seconds");
        w->opens = 0;
    }
    w->closes = window_end(b, n, w->opens);
    *lasts = w->closes == 0 ? 0 : w->closes - w->opens;
    if (m == NULL || w->closes == 0)
        return;
    if (m->release <= w->opens)
        document_error(b->d, b->report, opens,
                       "the window opens when model \"%s\" is released or "
                       "later: expected a time before its \"release\"",
                       m->name);
    else if (w->closes > m->release)
        w->closes = m->release;
}

static void window_id(struct policy_build *b, struct policy_window *w)
{
    char opens[CLOCK_UTC_SIZE];

    clock_format_utc(w->opens, opens);
    if (asprintf(&w->id, "%s/%s/%.19sZ", b->p->parties[w->party].name,
                 b->p->models[w->model].name, opens) < 0) {
        w->id = NULL;
        b->no_memory = true;
    }
}

static void agreement_build(struct policy_build *b, struct policy_window *w,
                            const struct node *n)
{
    const struct node *sha256 = node_member(n, "sha256");

    w->agreement = take_text(b, n, "id");
    if (node_is_good(sha256))
        memcpy(w->agreement_sha256, sha256->hash, 32);
}

static void window_build(struct policy_build *b, struct policy_window *w,
                         const struct node *n)
{
    const struct node *terms = node_member(n, "terms");
    int party, model, found;
    int64_t lasts;

    if (!node_is_good(n) || n->kind != NODE_MAP)
        return;
    party = reference_find(b, node_member(n, "party"), b->parties, "party");
    model = reference_find(b, node_member(n, "model"), b->models, "model");
    w->terms = build_array(b, node_members(terms), sizeof *w->terms);
    for (size_t i = 0; i < node_members(terms) && !b->no_memory; i++) {
        found = reference_find(b, terms->items[i], b->terms, "terms");
        if (found >= 0)
            w->terms[w->nterms++] = (uint32_t)found;
    }
    agreement_build(b, w, node_member(n, "agreement"));
    window_times(b, w, n, model < 0 ? NULL : &b->p->models[model], &lasts);
    notify_build(b, w, node_member(n, "notify"), lasts);
    if (party < 0 || model < 0 || w->closes == 0)
        return; /* without an id: unfinished */
    w->party = (uint32_t)party;
    w->model = (uint32_t)model;
    window_id(b, w);
}

static void windows_build(struct policy_build *b)
{
    const struct node *list = node_member(b->d->root, "windows");
    size_t n = node_members(list);

    b->p->windows = build_array(b, n, sizeof *b->p->windows);
    b->windows = build_array(b, n, sizeof *b->windows);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        struct policy_window w = {0};
        const struct node *item = list->items[i];
        size_t at = i;

        window_build(b, &w, item);
        /* Sorted by opens; equal ones stay in the file's order. */
        while (at > 0 && b->p->windows[at - 1].opens > w.opens) {
            b->p->windows[at] = b->p->windows[at - 1];
            b->windows[at] = b->windows[at - 1];
            at--;
        }
        b->p->windows[at] = w;
        b->windows[at] = item;
        b->p->nwindows = i + 1;
    }
}

/* UTF-8 without what could make a terminal show something else. */
static bool document_is_text(const uint8_t *data, size_t length)
{
    for (size_t i = 0, n; i < length; i += n) {
        n = utf8_length(data + i, length - i);
        if (n == 0 || data[i] == 0x7f ||
            (data[i] < 0x20 && strchr("\t\n\f\r", data[i]) == NULL) ||
            data[i] == 0 || (n == 2 && data[i] == 0xc2 && data[i + 1] < 0xa0))
            return false;
    }
    return true;
}

/* The bytes that people will see must be those that were approved, and text:
 * what a terminal shows must not depend on who looks. */
static void document_check(struct policy_build *b, const struct node *n,
                           const struct policy_document *document)
{
    const struct node *file = node_member(n, "file");
    const struct node *hash = node_member(n, "sha256");
    const uint8_t *data = NULL;
    uint8_t sha256[32];
    size_t length = 0;
    int r;

    if (b->file == NULL || document->file == NULL || !node_is_good(hash))
        return;
    r = b->file(b->file_arg, document->file, &data, &length);
    if (r == SP_ENOMEM)
        b->no_memory = true;
    else if (r != 0)
        document_error(b->d, b->report, file,
                       "file \"%.256s\": %s: expected the document's text",
                       document->file, sp_strerror(r));
    if (r != 0 || data == NULL)
        return;
    crypto_hash_sha256(sha256, data, length);
    if (length > LIMIT_DOCUMENT_BYTES)
        document_error(b->d, b->report, file,
                       "file \"%.256s\": %zu bytes: expected at most %u",
                       document->file, length, LIMIT_DOCUMENT_BYTES);
    else if (memcmp(sha256, document->sha256, 32) != 0)
        document_error(b->d, b->report, hash,
                       "file \"%.256s\" has another SHA-256: expected that of "
                       "the text that was agreed",
                       document->file);
    else if (!document_is_text(data, length))
        document_error(b->d, b->report, file,
                       "file \"%.256s\": not plain text: expected UTF-8 "
                       "without control characters",
                       document->file);
}

static void documents_build(struct policy_build *b)
{
    size_t n = node_members(b->documents);

    b->p->documents = build_array(b, n, sizeof *b->p->documents);
    for (size_t i = 0; i < n && !b->no_memory; i++) {
        const struct node *item = b->documents->items[i];
        struct policy_document *document = &b->p->documents[i];
        const struct node *hash = node_member(item, "sha256");

        b->p->ndocuments = i + 1;
        if ((document->name = strdup(item->key)) == NULL)
            b->no_memory = true;
        document->file = take_text(b, item, "file");
        if (node_is_good(hash))
            memcpy(document->sha256, hash->hash, 32);
        document_check(b, item, document);
    }
}

static void findings_build(struct policy_build *b)
{
    const struct node *n = node_member(b->d->root, "findings");
    const struct node *key = node_member(n, "sealing_key");

    if (!node_is_good(n) || !node_is_good(key))
        return;
    b->p->has_findings = true;
    b->p->findings_max = take_number(n, "max", LIMIT_FINDING_BYTES);
    (void)sealing_key_read(b, key, b->p->findings_key);
}

static void escrow_build(struct policy_build *b)
{
    const struct node *n = node_member(b->d->root, "escrow");
    const struct node *second = node_member(n, "second");

    if (!node_is_good(n) ||
        !sealing_key_read(b, node_member(n, "first"), b->p->escrow[0]) ||
        !sealing_key_read(b, second, b->p->escrow[1]))
        return;
    b->p->has_escrow = true;
    if (memcmp(b->p->escrow[0], b->p->escrow[1], 32) == 0)
        document_error(b->d, b->report, second,
                       "both keys are the same: expected those of two people");
}

static void policy_build(struct policy_build *b, const char *yaml,
                         size_t length)
{
    const struct node *root = b->d->root;
    const struct node *replaces = node_member(root, "replaces");
    struct policy *p = b->p;

    b->models = node_member(root, "models");
    b->parties = node_member(root, "parties");
    b->terms = node_member(root, "terms");
    b->documents = node_member(root, "documents");
    crypto_hash_sha256(p->sha256, (const uint8_t *)yaml, length);
    p->serial = (uint32_t)take_number(root, "serial", 0);
    p->has_replaces = node_is_good(replaces);
    if (p->has_replaces)
        memcpy(p->replaces, replaces->hash, 32);
    p->basis = take_text(b, root, "basis");
    p->developer = take_text(b, root, "developer");
    p->author = take_text(b, root, "author");
    p->sequence = (enum policy_sequence)take_number(root, "sequence",
                                                    SEQUENCE_GOVERNMENT_FIRST);
    models_build(b);
    parties_build(b);
    scopes_build(b);
    documents_build(b);
    findings_build(b);
    escrow_build(b);
    terms_build(b);
    windows_build(b);
    if (!b->no_memory && policy_sort(p) != 0)
        b->no_memory = true;
    if (!b->no_memory)
        policy_check(b);
}

int policy_parse(const char *name, const char *yaml, size_t length,
                 policy_file_fn *file, void *file_arg, struct report *report,
                 struct policy **p)
{
    struct policy_build b = {
        .report = report, .file = file, .file_arg = file_arg};
    unsigned before = report->errors;
    int r;

    *p = NULL;
    r = document_parse_large(name, yaml, length, LIMIT_POLICY_BYTES,
                             &policy_large, report, &b.d);
    if (r == SP_ENOMEM || b.d->root == NULL)
        goto out;
    if ((r = schema_check(b.d, policy_schema, report)) == SP_ENOMEM)
        goto out;
    r = SP_ENOMEM;
    if ((b.p = calloc(1, sizeof *b.p)) == NULL)
        goto out;
    policy_build(&b, yaml, length);
    if (b.no_memory)
        goto out;
    r = report->errors == before ? 0 : SP_EINVAL;
    if (r == 0) {
        *p = b.p;
        b.p = NULL;
    }
out:
    policy_free(b.p);
    free(b.people);
    free(b.windows);
    document_free(b.d);
    return r;
}
