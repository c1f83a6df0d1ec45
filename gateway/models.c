/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of models, written from the policy. Runs in a worker after the keeper
 * admitted the question and said which models exist for the one who asks.
 */
#include "gateway/models.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

/* When this version of the model began for the party: the beginning of the
 * window that it sees it by. Windows are sorted by when they open. */
static int64_t since(const struct models_view *v, uint32_t model)
{
    const struct policy *p = v->policy;
    int64_t now = clock_wall_ms(), opened = 0;

    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];

        if (w->party == v->party && w->model == model &&
            (opened == 0 || w->opens <= now))
            opened = w->opens;
    }
    return opened;
}

static bool visible(const struct models_view *v, size_t model)
{
    return model < 64 && (v->visible >> model & 1) != 0;
}

static int quoted(struct buf *out, const char *text)
{
    char quote[6 * LIMIT_MODEL_BYTES + 512];
    size_t length = 0;
    int r = json_quote(quote, sizeof(quote), &length, text, strlen(text));

    return r != 0 ? r : buf_append(out, quote, length);
}

static int openai_model(const struct policy *p, const char *name,
                        int64_t created, struct buf *out)
{
    int r;

    if ((r = buf_append_text(out, "{\"id\":")) != 0 ||
        (r = quoted(out, name)) != 0 ||
        (r = buf_printf(out,
                        ",\"object\":\"model\",\"created\":%lld,"
                        "\"owned_by\":",
                        (long long)(created / 1000))) != 0 ||
        (r = quoted(out, p->developer != NULL ? p->developer : "developer")) !=
            0)
        return r;
    return buf_append_text(out, "}");
}

static int anthropic_model(const char *name, int64_t created, struct buf *out)
{
    char utc[CLOCK_UTC_SIZE];
    int r;

    clock_format_utc(created, utc);
    if ((r = buf_append_text(out, "{\"type\":\"model\",\"id\":")) != 0 ||
        (r = quoted(out, name)) != 0 ||
        (r = buf_append_text(out, ",\"display_name\":")) != 0 ||
        (r = quoted(out, name)) != 0)
        return r;
    return buf_printf(out, ",\"created_at\":\"%s\"}", utc);
}

static int one_model(const struct models_view *v, uint32_t model,
                     struct buf *out)
{
    const char *name = v->policy->models[model].name;

    return v->dialect == DIALECT_ANTHROPIC
               ? anthropic_model(name, since(v, model), out)
               : openai_model(v->policy, name, since(v, model), out);
}

int models_one(const struct models_view *v, const char *name, struct buf *out)
{
    int model = policy_find_model(v->policy, name);

    if (model < 0 || !visible(v, (size_t)model))
        return SP_ENOENT;
    return one_model(v, (uint32_t)model, out);
}

/* {"first_id":…,"last_id":…} of an Anthropic list; null when it is empty. */
static int anthropic_ends(const char *first, const char *last, struct buf *out)
{
    int r;

    if (first == NULL || last == NULL)
        return buf_append_text(
            out, "],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
    if ((r = buf_append_text(out, "],\"has_more\":false,\"first_id\":")) != 0 ||
        (r = quoted(out, first)) != 0 ||
        (r = buf_append_text(out, ",\"last_id\":")) != 0 ||
        (r = quoted(out, last)) != 0)
        return r;
    return buf_append_text(out, "}");
}

int models_list(const struct models_view *v, struct buf *out)
{
    bool anthropic = v->dialect == DIALECT_ANTHROPIC;
    const char *first = NULL, *last = NULL;
    int r = buf_append_text(out, anthropic ? "{\"data\":["
                                           : "{\"object\":\"list\",\"data\":[");

    for (uint32_t i = 0; r == 0 && i < v->policy->nmodels; i++) {
        if (!visible(v, i))
            continue;
        if (first != NULL)
            r = buf_append_text(out, ",");
        last = v->policy->models[i].name;
        if (first == NULL)
            first = last;
        if (r == 0)
            r = one_model(v, i, out);
    }
    if (r != 0)
        return r;
    return anthropic ? anthropic_ends(first, last, out)
                     : buf_append_text(out, "]}");
}
