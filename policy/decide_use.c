/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a decision that look at how the model is used: purpose and
 * headers, fields, tools, media. Runs in the keeper on facts that a worker may
 * have been made to invent, and in auditors' tools.
 */
#include <string.h>

#include "policy/decide_steps.h"

static const struct policy_terms *terms_of(const struct question *q)
{
    return q->v->terms < q->p->nterms ? &q->p->terms[q->v->terms] : NULL;
}

/* Whether `word` of `length` bytes is one of the list; a '*' at the end of an
 * element stands for anything. */
static bool list_has(char *const *list, size_t count, const char *word,
                     size_t length)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(list[i]);

        if (n > 0 && list[i][n - 1] == '*'
                ? length >= n - 1 && memcmp(list[i], word, n - 1) == 0
                : n == length && memcmp(list[i], word, n) == 0)
            return true;
    }
    return false;
}

/* Each word of a list with commas between is in the other list. */
static bool words_fit(const char *words, char *const *list, size_t count)
{
    while (*words != 0) {
        size_t n = strcspn(words, ",");

        if (!list_has(list, count, words, n))
            return false;
        words += n + (words[n] == ',');
    }
    return true;
}

static bool purpose_fits(const struct policy_terms *t, const struct facts *f)
{
    if (f->purpose[0] == 0)
        return t->purpose != PURPOSE_REQUIRED;
    return t->npurposes == 0 ||
           list_has(t->purposes, t->npurposes, f->purpose, strlen(f->purpose));
}

enum reason step_purpose(struct question *q)
{
    const struct policy_terms *t = terms_of(q);
    const struct facts *f = q->f;

    if (q->local || t == NULL)
        return REASON_NONE;
    if (!purpose_fits(t, f) ||
        (t->case_id == PURPOSE_REQUIRED && f->case_id[0] == 0))
        return REASON_PURPOSE_REQUIRED;
    if (t->nversions > 0 && f->version[0] != 0 &&
        !list_has(t->versions, t->nversions, f->version, strlen(f->version)))
        return REASON_VERSION_DENIED;
    return words_fit(f->betas, t->betas, t->nbetas) ? REASON_NONE
                                                    : REASON_BETA_DENIED;
}

static enum reason field_refuse(struct question *q, uint16_t field)
{
    q->v->field = field;
    return field == FIELD_OTHERS ? REASON_UNKNOWN_FIELD
                                 : REASON_PARAMETER_DENIED;
}

static bool field_fits(const struct policy_terms *t, const struct facts *f,
                       uint16_t field)
{
    int slot;

    switch ((enum field_action)t->action[field]) {
    case FIELD_ALLOW:
    case FIELD_STRIP:
        return true;
    case FIELD_LIMIT:
        slot = field_number_slot(field);
        return slot >= 0 && f->fields.number[slot] <= t->most[field];
    case FIELD_DENY:
    default:
        return false;
    }
}

enum reason step_fields(struct question *q)
{
    const struct policy_terms *t = terms_of(q);

    if (q->local || t == NULL)
        return REASON_NONE;
    for (size_t word = 0; word < FIELD_WORDS; word++)
        for (uint64_t rest = q->f->fields.present[word]; rest != 0;
             rest &= rest - 1) {
            uint16_t field =
                (uint16_t)(word * 64 + (size_t)__builtin_ctzll(rest));

            if (field >= field_count() || !field_fits(t, q->f, field))
                return field_refuse(q, field);
        }
    return REASON_NONE;
}

enum reason step_tools(struct question *q)
{
    const struct policy_terms *t = terms_of(q);

    if (q->local || t == NULL || q->f->tools == 0)
        return REASON_NONE;
    return t->ntool_types > 0 && (int64_t)q->f->tools <= t->tools_max &&
                   words_fit(q->f->tool_types, t->tool_types, t->ntool_types)
               ? REASON_NONE
               : REASON_TOOL_DENIED;
}

enum reason step_media(struct question *q)
{
    const struct policy_terms *t = terms_of(q);

    if (q->local || t == NULL)
        return REASON_NONE;
    if ((q->f->media & MEDIA_REMOTE) != 0 && !t->remote_urls)
        return REASON_REMOTE_URL_DENIED;
    return (q->f->media & MEDIA_DATA) != 0 && !t->data_urls
               ? REASON_MEDIA_DENIED
               : REASON_NONE;
}
