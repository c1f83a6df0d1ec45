/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the own routes: what the keeper knows of a person, as JSON, and
 * the documents as they are. Runs in a worker; texts come from the policy and
 * from the keeper.
 */
#include "gateway/own_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

/* Rows in the order in which they came; there are no more of them than windows
 * and documents in the policy. */
struct own_view {
    size_t nwindows, ndocuments;
    struct own_window *windows;
    struct own_document *documents;
};

/* ---- rows ---- */

void own_view_free(struct own_view *v)
{
    if (v == NULL)
        return;
    free(v->windows);
    free(v->documents);
    free(v);
}

static struct own_view *view_of(struct exchange *x)
{
    const struct policy *p = x->rules->policy;
    struct own_view *v = x->view;

    if (v != NULL || (v = calloc(1, sizeof(*v))) == NULL)
        return v;
    v->windows = calloc(p->nwindows + 1, sizeof(*v->windows));
    v->documents = calloc(p->ndocuments + 1, sizeof(*v->documents));
    if (v->windows == NULL || v->documents == NULL) {
        own_view_free(v);
        return NULL;
    }
    x->view = v;
    return v;
}

int own_window_row(struct exchange *x, const struct own_window *row)
{
    const struct policy *p = x->rules->policy;
    struct own_view *v = view_of(x);

    if (v == NULL)
        return SP_ENOMEM;
    if (row->window >= p->nwindows || v->nwindows == p->nwindows ||
        row->nterms > p->windows[row->window].nterms)
        return SP_EPROTO;
    v->windows[v->nwindows++] = *row;
    return 0;
}

int own_document_row(struct exchange *x, const struct own_document *row)
{
    const struct policy *p = x->rules->policy;
    struct own_view *v = view_of(x);

    if (v == NULL)
        return SP_ENOMEM;
    if (row->document >= p->ndocuments || v->ndocuments == p->ndocuments)
        return SP_EPROTO;
    v->documents[v->ndocuments++] = *row;
    return 0;
}

/* ---- JSON ---- */

/* A text that grows; after the first failure nothing is added. */
struct writer {
    struct buf *out;
    int error;
};

static void put(struct writer *w, const char *text)
{
    if (w->error == 0)
        w->error = buf_append_text(w->out, text);
}

static void put_text(struct writer *w, const char *text)
{
    char quote[6 * ACCEPTANCE_STATEMENT_SIZE];
    size_t length = 0;

    if (w->error == 0)
        w->error =
            json_quote(quote, sizeof(quote), &length, text, strlen(text));
    if (w->error == 0)
        w->error = buf_append(w->out, quote, length);
}

/* `lead` is how the name is written: ,"name": */
static void put_member(struct writer *w, const char *lead, const char *text)
{
    put(w, lead);
    if (text != NULL)
        put_text(w, text);
    else
        put(w, "null");
}

static void put_number(struct writer *w, const char *lead, int64_t number)
{
    if (w->error == 0)
        w->error = buf_printf(w->out, "%s%lld", lead, (long long)number);
}

static void put_time(struct writer *w, const char *lead, int64_t t)
{
    char utc[CLOCK_UTC_SIZE];

    clock_format_utc(t, utc);
    put_member(w, lead, utc);
}

static void put_hash(struct writer *w, const char *lead, const uint8_t hash[32])
{
    char hex[65];

    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    put_member(w, lead, hex);
}

/* ---- parts of answers ---- */

static void put_person(struct writer *w, const struct exchange *x)
{
    const struct policy *p = x->rules->policy;
    const struct policy_party *party = &p->parties[x->facts.party];
    const struct policy_person *person = &p->people[x->facts.person];

    put_member(w, "{\"party\":", party->name);
    put_member(w, ",\"person\":", person->name);
    put_member(w, ",\"kind\":", person_kind_text(person->kind));
    put_member(w, ",\"party_kind\":", party_kind_text(party->kind));
    put_member(w, ",\"gateway\":", x->rules->settings->origin);
    put_time(w, ",\"time\":", clock_wall_ms());
    put_time(w, ",\"certificate_ends\":", x->facts.cert_not_after);
    put_number(w, ",\"policy\":", p->serial);
}

static void put_budget(struct writer *w, const char *name, int64_t limit,
                       uint64_t spent)
{
    if (limit < 0)
        return;
    /* The one before it ended so; the array's beginning did not. */
    if (w->error == 0 && buf_bytes(w->out)[w->out->length - 1] == '}')
        put(w, ",");
    put_member(w, "{\"name\":", name);
    put_number(w, ",\"limit\":", limit);
    put_number(w, ",\"spent\":", (int64_t)spent);
    put_number(
        w, ",\"left\":", spent < (uint64_t)limit ? limit - (int64_t)spent : 0);
    put(w, "}");
}

/* One line a budget of the language: those that have no limit are left out. */
static void put_budgets(struct writer *w, const struct policy_terms *t,
                        const uint64_t all[UNIT_COUNT],
                        const uint64_t own[UNIT_COUNT])
{
    put(w, ",\"budgets\":[");
    for (int u = 0; u < UNIT_COUNT; u++) {
        char name[48];

        snprintf(name, sizeof(name), "window.%s", unit_text((enum unit)u));
        put_budget(w, name, t->window.total[u], all[u]);
        snprintf(name, sizeof(name), "person.%s", unit_text((enum unit)u));
        put_budget(w, name, t->person.total[u], own[u]);
    }
    put(w, "]");
}

static void put_uses(struct writer *w, const struct policy_terms *t)
{
    const char *comma = "";

    put(w, ",\"uses\":[");
    for (unsigned r = 0; r < ROUTE_COUNT; r++) {
        if ((t->uses & 1u << r) == 0 || r == ROUTE_MODEL)
            continue;
        put(w, comma);
        put_text(w, route_info((enum route)r)->name);
        comma = ",";
    }
    put(w, "]");
}

static void put_terms(struct writer *w, const struct policy *p,
                      const struct own_window *row)
{
    const struct policy_window *window = &p->windows[row->window];

    put(w, ",\"terms\":[");
    for (uint32_t i = 0; i < row->nterms; i++) {
        const struct policy_terms *t = &p->terms[window->terms[i]];

        put_member(w, i > 0 ? ",{\"name\":" : "{\"name\":", t->name);
        put_uses(w, t);
        put_member(w, ",\"nda\":",
                   t->nda < p->ndocuments ? p->documents[t->nda].name : NULL);
        put_budgets(w, t, row->all[i], row->own[i]);
        put(w, "}");
    }
    put(w, "]");
}

static void put_window(struct writer *w, const struct policy *p,
                       const struct own_window *row)
{
    const struct policy_window *window = &p->windows[row->window];
    bool open = row->reason == REASON_NONE;
    int64_t left = row->closes - clock_wall_ms();

    put_member(w, "{\"id\":", window->id);
    put_member(w, ",\"model\":", p->models[window->model].name);
    put_time(w, ",\"opens\":", window->opens);
    put_time(w, ",\"closes\":", row->closes);
    put(w, open ? ",\"open\":true" : ",\"open\":false");
    put_member(w, ",\"reason\":", open ? NULL : reason_info(row->reason)->code);
    put_number(w, ",\"seconds_left\":", open && left > 0 ? left / 1000 : 0);
    if (row->statement != 0)
        put_number(w, ",\"statement\":", (int64_t)row->statement);
    put_terms(w, p, row);
    put(w, "}");
}

static void put_windows(struct writer *w, const struct exchange *x)
{
    const struct own_view *v = x->view;

    put(w, ",\"windows\":[");
    for (size_t i = 0; v != NULL && i < v->nwindows; i++) {
        put(w, i > 0 ? "," : "");
        put_window(w, x->rules->policy, &v->windows[i]);
    }
    put(w, "]");
}

static void put_document(struct writer *w, const struct exchange *x,
                         const struct own_document *row, bool statement)
{
    const struct policy_document *d =
        &x->rules->policy->documents[row->document];
    char text[ACCEPTANCE_STATEMENT_SIZE];

    put_member(w, "{\"name\":", d->name);
    put_hash(w, ",\"sha256\":", d->sha256);
    put(w, ",\"text\":\"/sallyport/v1/nda/");
    put(w, d->name); /* of the language's alphabet */
    put(w, row->accepted ? "\",\"accepted\":true" : "\",\"accepted\":false");
    if (row->accepted) {
        put_number(w, ",\"entry\":", (int64_t)row->n);
        put_time(w, ",\"accepted_at\":", row->t);
    }
    if (statement && own_statement(x, row->document, text) == 0)
        put_member(w, ",\"statement\":", text);
    put(w, "}");
}

/* What there is to accept, with how; for whoever is to sign, also the text. */
static void put_documents(struct writer *w, const struct exchange *x,
                          bool statement)
{
    const struct own_view *v = x->view;

    put(w, ",\"documents\":[");
    for (size_t i = 0; v != NULL && i < v->ndocuments; i++) {
        put(w, i > 0 ? "," : "");
        put_document(w, x, &v->documents[i], statement);
    }
    put_member(w, "],\"how_to_accept\":",
               "`sallyport accept`, or POST /sallyport/v1/nda with a signature "
               "over the statement that GET /sallyport/v1/nda gives");
}

/* ---- answers ---- */

static void status_write(struct writer *w, const struct exchange *x)
{
    const struct policy *p = x->rules->policy;

    put_person(w, x);
    put_windows(w, x);
    put_documents(w, x, false);
    if (p->has_findings)
        put_number(w, ",\"findings\":{\"max\":", p->findings_max);
    put(w, p->has_findings ? "}}\n" : ",\"findings\":null}\n");
}

static void nda_write(struct writer *w, const struct exchange *x)
{
    put_person(w, x);
    put_documents(w, x, true);
    put(w, "}\n");
}

static void accepted_write(struct writer *w, const struct exchange *x)
{
    put(w, "{\"accepted\":true");
    put_number(w, ",\"entry\":", (int64_t)x->made);
    put(w, "}\n");
}

/* The receipt: which entries hold it, and the hash of what they hold. */
static void filed_write(struct writer *w, const struct exchange *x)
{
    put_number(w, "{\"id\":", (int64_t)x->n);
    put(w, ",\"entries\":[");
    for (uint64_t n = x->made; x->made != 0 && n <= x->durable; n++)
        put_number(w, n > x->made ? "," : "", (int64_t)n);
    put_hash(w, "],\"sha256\":", x->sealed_sha256);
    put(w, "}\n");
}

/* The bytes that were checked when the policy was loaded. A copy, for the set
 * that they are in need not live as long as a client that reads slowly. */
static int document_write(struct exchange *x)
{
    const struct policy *p = x->rules->policy;
    int document = policy_find_document(p, x->own_id);
    const uint8_t *data;
    size_t length;
    int r;

    if (document < 0)
        return SP_ENOENT;
    r = snapshot_file(x->rules->snapshot.files, p->documents[document].file,
                      &data, &length);
    x->answer.type = ANSWER_TEXT;
    return r != 0 ? r : buf_append(&x->held, data, length);
}

int own_answer(struct exchange *x)
{
    struct writer w = {.out = &x->held};

    /* A document, or a status of a thousand windows. */
    buf_release(&x->held);
    buf_init(&x->held, 2 * LIMIT_DOCUMENT_BYTES);
    x->answer.status = 200;
    x->answer.type = ANSWER_JSON;
    if (x->facts.route == ROUTE_NDA_DOCUMENT)
        return document_write(x);
    if (x->facts.route == ROUTE_STATUS) {
        status_write(&w, x);
    } else if (x->facts.route == ROUTE_NDA) {
        nda_write(&w, x);
    } else if (x->facts.route == ROUTE_NDA_ACCEPT) {
        accepted_write(&w, x);
    } else {
        x->answer.status = 201;
        filed_write(&w, x);
    }
    return w.error;
}

int own_statement(const struct exchange *x, uint32_t document,
                  char text[ACCEPTANCE_STATEMENT_SIZE])
{
    const struct policy *p = x->rules->policy;
    const struct acceptance_claim claim = {
        .origin = x->rules->settings->origin,
        .party = p->parties[x->facts.party].name,
        .person = p->people[x->facts.person].name,
        .document = p->documents[document].name,
        .sha256 = p->documents[document].sha256,
        .cert_sha256 = x->facts.cert_sha256,
    };

    return acceptance_statement(&claim, text);
}
