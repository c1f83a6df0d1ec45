/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of models, written from the policy. Runs in a worker after the keeper
 * admitted the question. A window that was closed by order or used up its
 * thirty days may still be listed until it ends; calling its model is what
 * the keeper refuses.
 */
#include "gateway/models.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

/* The open window of `party` for `model`, or NULL. */
static const struct policy_window *
window_open(const struct policy *p, uint32_t party, uint32_t model, int64_t now)
{
    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];

        if (w->party == party && w->model == model && w->opens <= now &&
            now < w->closes)
            return w;
    }
    return NULL;
}

static int quoted(struct buf *out, const char *text)
{
    char quote[6 * LIMIT_MODEL_BYTES + 512];
    size_t length = 0;
    int r = json_quote(quote, sizeof(quote), &length, text, strlen(text));

    return r != 0 ? r : buf_append(out, quote, length);
}

static int openai_model(const struct policy *p, const char *name, int64_t since,
                        struct buf *out)
{
    int r;

    if ((r = buf_append_text(out, "{\"id\":")) != 0 ||
        (r = quoted(out, name)) != 0 ||
        (r = buf_printf(out,
                        ",\"object\":\"model\",\"created\":%lld,"
                        "\"owned_by\":",
                        (long long)(since / 1000))) != 0 ||
        (r = quoted(out, p->developer != NULL ? p->developer : "developer")) !=
            0)
        return r;
    return buf_append_text(out, "}");
}

static int anthropic_model(const char *name, int64_t since, struct buf *out)
{
    char utc[CLOCK_UTC_SIZE];
    int r;

    clock_format_utc(since, utc);
    if ((r = buf_append_text(out, "{\"type\":\"model\",\"id\":")) != 0 ||
        (r = quoted(out, name)) != 0 ||
        (r = buf_append_text(out, ",\"display_name\":")) != 0 ||
        (r = quoted(out, name)) != 0)
        return r;
    return buf_printf(out, ",\"created_at\":\"%s\"}", utc);
}

static int one_model(const struct policy *p, const char *name, int64_t since,
                     enum dialect dialect, struct buf *out)
{
    return dialect == DIALECT_ANTHROPIC ? anthropic_model(name, since, out)
                                        : openai_model(p, name, since, out);
}

int models_one(const struct policy *p, uint32_t party, const char *name,
               enum dialect dialect, int64_t now, struct buf *out)
{
    int model = policy_find_model(p, name);
    const struct policy_window *w =
        model < 0 ? NULL : window_open(p, party, (uint32_t)model, now);

    return w == NULL ? SP_ENOENT : one_model(p, name, w->opens, dialect, out);
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

int models_list(const struct policy *p, uint32_t party, enum dialect dialect,
                int64_t now, struct buf *out)
{
    bool anthropic = dialect == DIALECT_ANTHROPIC;
    const char *first = NULL, *last = NULL;
    int r = buf_append_text(out, anthropic ? "{\"data\":["
                                           : "{\"object\":\"list\",\"data\":[");

    for (size_t i = 0; r == 0 && i < p->nmodels; i++) {
        const struct policy_window *w = window_open(p, party, (uint32_t)i, now);

        if (w == NULL)
            continue;
        if (first != NULL)
            r = buf_append_text(out, ",");
        last = p->models[i].name;
        if (first == NULL)
            first = last;
        if (r == 0)
            r = one_model(p, last, w->opens, dialect, out);
    }
    if (r != 0)
        return r;
    return anthropic ? anthropic_ends(first, last, out)
                     : buf_append_text(out, "]}");
}
