/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for the steps that look at what a request is for and what it asks
 * with. Runs in the command.
 */
#include <inttypes.h>
#include <string.h>

#include "policy/explain_words.h"

static bool is_local(const struct explain_question *q)
{
    return route_info(q->facts->route)->local;
}

static void say_wanted(struct words *w, const struct policy_terms *t)
{
    say(w, "; the terms \"%s\" want ", t->name);
    if (t->purpose == PURPOSE_REQUIRED || t->npurposes > 0)
        say(w, "a purpose");
    if (t->npurposes > 0) {
        say(w, " (");
        say_list(w, t->purposes, t->npurposes);
        say(w, ")");
    }
    if (t->case_id == PURPOSE_REQUIRED)
        say(w, "%sa case",
            t->purpose == PURPOSE_REQUIRED || t->npurposes > 0 ? " and " : "");
}

void say_purpose(struct words *w, const struct explain_question *q,
                 const struct verdict *v, const char *param)
{
    const struct policy_terms *t = explain_terms(q, v);
    const struct facts *f = q->facts;

    (void)param;
    if (is_local(q) || t == NULL) {
        say(w, "none is needed");
        return;
    }
    if (v->reason == REASON_VERSION_DENIED) {
        say(w,
            "anthropic-version %s is not one of the terms \"%s\": ", f->version,
            t->name);
        say_list(w, t->versions, t->nversions);
        return;
    }
    if (v->reason == REASON_BETA_DENIED) {
        say(w, "anthropic-beta %s: the terms \"%s\" allow ", f->betas, t->name);
        say_list(w, t->betas, t->nbetas);
        say(w, "%s", t->nbetas == 0 ? "none" : "");
        return;
    }
    if (f->purpose[0] != 0)
        say(w, "purpose \"%s\"", f->purpose);
    else
        say(w, "no purpose is said");
    if (f->case_id[0] != 0)
        say(w, ", case \"%s\"", f->case_id);
    if (v->reason == REASON_PURPOSE_REQUIRED)
        say_wanted(w, t);
}

void say_body(struct words *w, const struct explain_question *q,
              const struct verdict *v, const char *param)
{
    const struct policy_terms *t = explain_terms(q, v);

    if (v->reason != REASON_NONE && v->reason != REASON_BODY_TOO_LARGE) {
        say(w, "%s", reason_info(v->reason)->text);
        if (param[0] != 0)
            say(w, " At %s.", param);
        return;
    }
    say(w, "%" PRIu64 " bytes", q->facts->body_bytes);
    if (t != NULL)
        say(w, " of at most %" PRId64, t->request_bytes);
    else if (v->reason != REASON_NONE)
        say(w, ": more than any terms allow here");
}

/* ---- fields ---- */

static void say_value(struct words *w, const struct explain_question *q,
                      uint16_t field)
{
    int slot = field_number_slot(field);
    char number[FIELD_NUMBER_SIZE];

    say(w, "%s",
        field == FIELD_OTHERS ? "a field that is not known"
                              : field_info(field)->path);
    if (slot < 0)
        return;
    field_number_print(q->facts->fields.number[slot], number);
    say(w, "=%s", number);
}

static void say_action(struct words *w, const struct policy_terms *t,
                       uint16_t field, bool refused)
{
    static const char *const actions[] = {
        [FIELD_ALLOW] = "allowed",
        [FIELD_DENY] = "deny",
        [FIELD_STRIP] = "stripped",
    };
    char number[FIELD_NUMBER_SIZE];
    const char *between = refused ? ": " : " ";

    if (t->action[field] == FIELD_LIMIT) {
        field_number_print(t->most[field], number);
        say(w, "%sat most %s", between, number);
    } else {
        say(w, "%s%s", between,
            actions[t->action[field] <= FIELD_STRIP ? t->action[field]
                                                    : FIELD_DENY]);
    }
}

void say_field_rules(struct words *w, const struct explain_question *q,
                     const struct policy_terms *t)
{
    for (uint16_t f = 0; f < field_count(); f++)
        if (field_set_has(&q->facts->fields, f)) {
            say(w, "%s", w->length == 0 ? "" : ", ");
            say_value(w, q, f);
            say_action(w, t, f, false);
        }
    for (size_t i = 0; i < t->nforces; i++)
        if (field_info(t->forces[i].field)->routes & 1u << q->facts->route)
            say(w, "%s%s forced to %s", w->length == 0 ? "" : ", ",
                field_info(t->forces[i].field)->path, t->forces[i].json);
}

void say_fields(struct words *w, const struct explain_question *q,
                const struct verdict *v, const char *param)
{
    const struct policy_terms *t = explain_terms(q, v);

    if (t == NULL || is_local(q)) {
        say(w, "the request has none");
        return;
    }
    if (v->field < field_count()) {
        say_value(w, q, v->field);
        say_action(w, t, v->field, true);
        say(w, " (terms \"%s\")", t->name);
        if (param[0] != 0)
            say(w, ", at %s", param);
        return;
    }
    say_field_rules(w, q, t);
    if (w->length == 0)
        say(w, "none that a rule could be made for");
}

void say_tools(struct words *w, const struct explain_question *q,
               const struct verdict *v, const char *param)
{
    const struct policy_terms *t = explain_terms(q, v);

    (void)param;
    if (q->facts->tools == 0 || t == NULL || is_local(q)) {
        say(w, "none are offered");
        return;
    }
    say(w, "%u of type %s; the terms \"%s\" allow ", q->facts->tools,
        q->facts->tool_types, t->name);
    if (t->ntool_types == 0) {
        say(w, "none");
        return;
    }
    say(w, "%" PRId64 " of ", t->tools_max);
    say_list(w, t->tool_types, t->ntool_types);
}

void say_media(struct words *w, const struct explain_question *q,
               const struct verdict *v, const char *param)
{
    static const char *const what[] = {"no files and no URLs", "files inside",
                                       "URLs to fetch",
                                       "files inside and URLs to fetch"};
    const struct policy_terms *t = explain_terms(q, v);

    (void)param;
    say(w, "%s", what[q->facts->media & (MEDIA_DATA | MEDIA_REMOTE)]);
    if (v->reason != REASON_NONE && t != NULL)
        say(w, "; the terms \"%s\" refuse %s", t->name,
            v->reason == REASON_REMOTE_URL_DENIED ? "URLs to fetch"
                                                  : "files inside");
}
