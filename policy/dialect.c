/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error bodies and error events of the OpenAI and Anthropic APIs. Runs in
 * workers and in the command; writes constant texts only, so nothing here needs
 * escaping.
 */
#include "policy/dialect.h"

static const struct reason_info *error_info(const struct dialect_error *e)
{
    return e->info != NULL ? e->info : reason_info(e->reason);
}

static const char *error_text(const struct dialect_error *e)
{
    return e->text != NULL ? e->text : error_info(e)->text;
}

static void member(struct text *t, const char *name, const char *value)
{
    text_put(t, "\"");
    text_put(t, name);
    text_put(t, "\":\"");
    text_put(t, value);
    text_put(t, "\"");
}

static bool has_param(const struct dialect_error *e)
{
    return e->param != NULL && e->param[0] != '\0';
}

/* People read the message, and it has to say where. */
static void message(struct text *t, const struct dialect_error *e)
{
    text_put(t, "\"message\":\"");
    text_put(t, error_text(e));
    if (has_param(e)) {
        text_put(t, " (");
        text_put(t, e->param);
        text_put(t, ")");
    }
    text_put(t, "\"");
}

/* {"error":{"message":S,"type":S,"param":S or null,"code":S}} */
static void openai_body(struct text *t, const struct dialect_error *e)
{
    const struct reason_info *info = error_info(e);

    text_put(t, "{\"error\":{");
    message(t, e);
    text_put(t, ",");
    member(t, "type", info->openai_type);
    text_put(t, ",");
    if (has_param(e))
        member(t, "param", e->param);
    else
        text_put(t, "\"param\":null");
    text_put(t, ",");
    member(t, "code", info->code);
    text_put(t, "}}");
}

/* {"type":"error","error":{"type":T,"message":S,"details":{"error_code":S}},
 *  "request_id":S}: clients read the code from `details`. */
static void anthropic_body(struct text *t, const struct dialect_error *e)
{
    const struct reason_info *info = error_info(e);

    text_put(t, "{\"type\":\"error\",\"error\":{");
    member(t, "type", info->anthropic_type);
    text_put(t, ",");
    message(t, e);
    text_put(t, ",\"details\":{");
    member(t, "error_code", info->code);
    if (has_param(e)) {
        text_put(t, ",");
        member(t, "param", e->param);
    }
    text_put(t, "}},");
    member(t, "request_id", e->request_id);
    text_put(t, "}");
}

void dialect_body(struct text *t, const struct dialect_error *e)
{
    if (e->dialect == DIALECT_ANTHROPIC)
        anthropic_body(t, e);
    else
        openai_body(t, e);
}

/* The nested `error` makes the official clients raise; the outer members are
 * the event as the API defines it. */
static void responses_event(struct text *t, const struct dialect_error *e,
                            uint64_t sequence)
{
    const struct reason_info *info = error_info(e);

    text_put(t, "{\"type\":\"error\",");
    member(t, "code", info->code);
    text_put(t, ",");
    member(t, "message", error_text(e));
    text_put(t, ",\"param\":null,\"sequence_number\":");
    text_number(t, sequence);
    text_put(t, ",\"error\":{");
    member(t, "message", error_text(e));
    text_put(t, ",");
    member(t, "type", info->openai_type);
    text_put(t, ",");
    member(t, "code", info->code);
    text_put(t, "}}");
}

void dialect_event(struct text *t, const struct dialect_error *e,
                   uint64_t sequence)
{
    bool named = e->dialect == DIALECT_ANTHROPIC || e->route == ROUTE_RESPONSES;

    text_put(t, named ? "event: error\ndata: " : "data: ");
    if (e->dialect == DIALECT_ANTHROPIC)
        anthropic_body(t, e);
    else if (e->route == ROUTE_RESPONSES)
        responses_event(t, e, sequence);
    else
        openai_body(t, e);
    text_put(t, "\n\n");
}
