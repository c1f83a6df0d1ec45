/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies and events of the demo model, one group of functions per API and one
 * table that chooses. Runs in the demo model's own process and writes only
 * what it made itself: a client's text is never echoed but for the model's
 * name, which is quoted.
 */
#include "ctl/model_dialect.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define put evbuffer_add_printf

static void put_token(struct evbuffer *out, const struct model_ask *ask,
                      int64_t i)
{
    static char text[MODEL_TOKEN_BYTES_MAX];
    evbuffer_add(out, text, model_token_text(ask, i, text));
}

static void put_tokens(struct evbuffer *out, const struct model_reply *r)
{
    for (int64_t i = 0; i < r->ask.tokens; i++)
        put_token(out, &r->ask, i);
}

static void put_text(struct evbuffer *out, const char *text)
{
    evbuffer_add(out, text, strlen(text));
}

/* --- OpenAI chat and completions --- */

static const char *openai_finish(const struct model_reply *r)
{
    return r->ask.cut ? "length" : "stop";
}

static void openai_usage(struct evbuffer *out, const struct model_reply *r)
{
    put(out,
        "{\"prompt_tokens\":%" PRId64 ",\"completion_tokens\":%" PRId64
        ",\"total_tokens\":%" PRId64
        ",\"prompt_tokens_details\":{\"cached_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":0}}",
        r->ask.prompt_tokens, r->ask.tokens,
        r->ask.prompt_tokens + r->ask.tokens);
}

static void chat_head(struct evbuffer *out, const struct model_reply *r,
                      const char *object)
{
    put(out,
        "{\"id\":\"chatcmpl-%06" PRIu64 "\",\"object\":\"%s\","
        "\"created\":%" PRId64 ",\"model\":%s,"
        "\"system_fingerprint\":\"fp_demo\",",
        r->number, object, r->created, r->ask.model);
}

static void chat_chunk(struct evbuffer *out, const struct model_reply *r)
{
    put_text(out, "data: ");
    chat_head(out, r, "chat.completion.chunk");
}

/* `usage` is null in every chunk but the last once it was asked for. */
static void openai_chunk_end(struct evbuffer *out, const struct model_reply *r)
{
    put_text(out, r->ask.include_usage ? ",\"usage\":null}\n\n" : "}\n\n");
}

static void openai_usage_chunk(struct evbuffer *out,
                               const struct model_reply *r)
{
    put_text(out, "\"choices\":[],\"usage\":");
    openai_usage(out, r);
    put_text(out, "}\n\n");
}

static void chat_begin(struct evbuffer *out, struct model_reply *r)
{
    chat_chunk(out, r);
    put_text(out, "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                  "\"content\":\"\"},\"logprobs\":null,"
                  "\"finish_reason\":null}]");
    openai_chunk_end(out, r);
}

static void chat_token(struct evbuffer *out, struct model_reply *r)
{
    chat_chunk(out, r);
    put_text(out, "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
    put_token(out, &r->ask, r->sent);
    put_text(out, "\"},\"logprobs\":null,\"finish_reason\":null}]");
    openai_chunk_end(out, r);
}

static void chat_end(struct evbuffer *out, struct model_reply *r)
{
    chat_chunk(out, r);
    put(out,
        "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
        "\"finish_reason\":\"%s\"}]",
        openai_finish(r));
    openai_chunk_end(out, r);
    if (r->ask.include_usage) {
        chat_chunk(out, r);
        openai_usage_chunk(out, r);
    }
    put_text(out, "data: [DONE]\n\n");
}

static void chat_whole(struct evbuffer *out, struct model_reply *r)
{
    chat_head(out, r, "chat.completion");
    put_text(out, "\"choices\":[{\"index\":0,\"message\":{\"role\":"
                  "\"assistant\",\"content\":\"");
    put_tokens(out, r);
    put(out,
        "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"%s\"}],"
        "\"usage\":",
        openai_finish(r));
    openai_usage(out, r);
    put_text(out, "}");
}

static void completions_head(struct evbuffer *out, const struct model_reply *r)
{
    put(out,
        "{\"id\":\"cmpl-%06" PRIu64 "\",\"object\":\"text_completion\","
        "\"created\":%" PRId64 ",\"model\":%s,",
        r->number, r->created, r->ask.model);
}

static void completions_begin(struct evbuffer *out, struct model_reply *r)
{
    (void)out;
    (void)r; /* this API has no event before the first text */
}

static void completions_token(struct evbuffer *out, struct model_reply *r)
{
    put_text(out, "data: ");
    completions_head(out, r);
    put_text(out, "\"choices\":[{\"index\":0,\"text\":\"");
    put_token(out, &r->ask, r->sent);
    put_text(out, "\",\"logprobs\":null,\"finish_reason\":null}]");
    openai_chunk_end(out, r);
}

static void completions_end(struct evbuffer *out, struct model_reply *r)
{
    put_text(out, "data: ");
    completions_head(out, r);
    put(out,
        "\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,"
        "\"finish_reason\":\"%s\"}]",
        openai_finish(r));
    openai_chunk_end(out, r);
    if (r->ask.include_usage) {
        put_text(out, "data: ");
        completions_head(out, r);
        openai_usage_chunk(out, r);
    }
    put_text(out, "data: [DONE]\n\n");
}

static void completions_whole(struct evbuffer *out, struct model_reply *r)
{
    completions_head(out, r);
    put_text(out, "\"choices\":[{\"index\":0,\"text\":\"");
    put_tokens(out, r);
    put(out, "\",\"logprobs\":null,\"finish_reason\":\"%s\"}],\"usage\":",
        openai_finish(r));
    openai_usage(out, r);
    put_text(out, "}");
}

/* --- OpenAI responses --- */

static void responses_event(struct evbuffer *out, struct model_reply *r,
                            const char *type)
{
    put(out,
        "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%" PRId64 ",",
        type, type, r->sequence++);
}

/* The text as a content part, empty before it was produced. */
static void responses_part(struct evbuffer *out, const struct model_reply *r,
                           bool filled)
{
    put_text(out, "{\"type\":\"output_text\",\"text\":\"");
    if (filled)
        put_tokens(out, r);
    put_text(out, "\",\"annotations\":[],\"logprobs\":[]}");
}

static void responses_item(struct evbuffer *out, const struct model_reply *r,
                           bool filled)
{
    const char *status = r->ask.cut ? "incomplete" : "completed";

    put(out,
        "{\"id\":\"msg_%06" PRIu64 "\",\"type\":\"message\",\"status\":\"%s\","
        "\"role\":\"assistant\",\"content\":[",
        r->number, filled ? status : "in_progress");
    if (filled)
        responses_part(out, r, true);
    put_text(out, "]}");
}

static void responses_usage(struct evbuffer *out, const struct model_reply *r)
{
    put(out,
        "{\"input_tokens\":%" PRId64
        ",\"input_tokens_details\":{\"cached_tokens\":0},"
        "\"output_tokens\":%" PRId64
        ",\"output_tokens_details\":{\"reasoning_tokens\":0},"
        "\"total_tokens\":%" PRId64 "}",
        r->ask.prompt_tokens, r->ask.tokens,
        r->ask.prompt_tokens + r->ask.tokens);
}

static void responses_object(struct evbuffer *out, const struct model_reply *r,
                             bool filled)
{
    bool cut = filled && r->ask.cut;
    const char *status = cut ? "incomplete" : "completed";

    put(out,
        "{\"id\":\"resp_%06" PRIu64 "\",\"object\":\"response\","
        "\"created_at\":%" PRId64 ",\"status\":\"%s\",\"error\":null,"
        "\"incomplete_details\":%s,\"instructions\":null,"
        "\"max_output_tokens\":null,\"metadata\":{},\"model\":%s,"
        "\"parallel_tool_calls\":true,\"previous_response_id\":null,"
        "\"temperature\":1.0,\"top_p\":1.0,\"tool_choice\":\"auto\","
        "\"tools\":[],\"truncation\":\"disabled\",\"output\":[",
        r->number, r->created, filled ? status : "in_progress",
        cut ? "{\"reason\":\"max_output_tokens\"}" : "null", r->ask.model);
    if (filled)
        responses_item(out, r, true);
    put_text(out, "],\"usage\":");
    if (filled)
        responses_usage(out, r);
    else
        put_text(out, "null");
    put_text(out, "}");
}

static void responses_status(struct evbuffer *out, struct model_reply *r,
                             const char *type, bool filled)
{
    responses_event(out, r, type);
    put_text(out, "\"response\":");
    responses_object(out, r, filled);
    put_text(out, "}\n\n");
}

static void responses_item_event(struct evbuffer *out, struct model_reply *r,
                                 const char *type, bool filled)
{
    responses_event(out, r, type);
    put_text(out, "\"output_index\":0,\"item\":");
    responses_item(out, r, filled);
    put_text(out, "}\n\n");
}

/* Events inside the one part all name it the same way. */
static void responses_in_part(struct evbuffer *out, struct model_reply *r,
                              const char *type)
{
    responses_event(out, r, type);
    put(out,
        "\"item_id\":\"msg_%06" PRIu64 "\",\"output_index\":0,"
        "\"content_index\":0,",
        r->number);
}

static void responses_part_event(struct evbuffer *out, struct model_reply *r,
                                 const char *type, bool filled)
{
    responses_in_part(out, r, type);
    put_text(out, "\"part\":");
    responses_part(out, r, filled);
    put_text(out, "}\n\n");
}

static void responses_begin(struct evbuffer *out, struct model_reply *r)
{
    responses_status(out, r, "response.created", false);
    responses_status(out, r, "response.in_progress", false);
    responses_item_event(out, r, "response.output_item.added", false);
    responses_part_event(out, r, "response.content_part.added", false);
}

static void responses_token(struct evbuffer *out, struct model_reply *r)
{
    responses_in_part(out, r, "response.output_text.delta");
    put_text(out, "\"logprobs\":[],\"delta\":\"");
    put_token(out, &r->ask, r->sent);
    put_text(out, "\"}\n\n");
}

static void responses_end(struct evbuffer *out, struct model_reply *r)
{
    responses_in_part(out, r, "response.output_text.done");
    put_text(out, "\"logprobs\":[],\"text\":\"");
    put_tokens(out, r);
    put_text(out, "\"}\n\n");
    responses_part_event(out, r, "response.content_part.done", true);
    responses_item_event(out, r, "response.output_item.done", true);
    responses_status(out, r,
                     r->ask.cut ? "response.incomplete" : "response.completed",
                     true);
}

static void responses_whole(struct evbuffer *out, struct model_reply *r)
{
    responses_object(out, r, true);
}

/* --- Anthropic messages --- */

static const char *messages_stop(const struct model_reply *r)
{
    return r->ask.cut ? "max_tokens" : "end_turn";
}

static void messages_usage(struct evbuffer *out, const struct model_reply *r,
                           int64_t output)
{
    put(out,
        "{\"input_tokens\":%" PRId64
        ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
        "\"output_tokens\":%" PRId64 ",\"service_tier\":\"standard\"}",
        r->ask.prompt_tokens, output);
}

static void messages_head(struct evbuffer *out, const struct model_reply *r)
{
    put(out,
        "{\"id\":\"msg_%06" PRIu64
        "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":%s,",
        r->number, r->ask.model);
}

static void messages_begin(struct evbuffer *out, struct model_reply *r)
{
    put_text(out, "event: message_start\n"
                  "data: {\"type\":\"message_start\",\"message\":");
    messages_head(out, r);
    put_text(out, "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
                  "\"usage\":");
    messages_usage(out, r, 1);
    put_text(out, "}}\n\n"
                  "event: content_block_start\n"
                  "data: {\"type\":\"content_block_start\",\"index\":0,"
                  "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
                  "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

static void messages_token(struct evbuffer *out, struct model_reply *r)
{
    put_text(out, "event: content_block_delta\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":0,"
                  "\"delta\":{\"type\":\"text_delta\",\"text\":\"");
    put_token(out, &r->ask, r->sent);
    put_text(out, "\"}}\n\n");
}

static void messages_end(struct evbuffer *out, struct model_reply *r)
{
    put_text(out, "event: content_block_stop\n"
                  "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    put(out,
        "event: message_delta\n"
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\","
        "\"stop_sequence\":null},\"usage\":",
        messages_stop(r));
    messages_usage(out, r, r->ask.tokens);
    put_text(out, "}\n\n"
                  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static void messages_whole(struct evbuffer *out, struct model_reply *r)
{
    messages_head(out, r);
    put_text(out, "\"content\":[{\"type\":\"text\",\"text\":\"");
    put_tokens(out, r);
    put(out, "\"}],\"stop_reason\":\"%s\",\"stop_sequence\":null,\"usage\":",
        messages_stop(r));
    messages_usage(out, r, r->ask.tokens);
    put_text(out, "}");
}

static void count_whole(struct evbuffer *out, struct model_reply *r)
{
    put(out, "{\"input_tokens\":%" PRId64 "}", r->ask.prompt_tokens);
}

/* --- the table --- */

typedef void writer(struct evbuffer *out, struct model_reply *r);

static const struct {
    writer *begin, *token, *end, *whole;
} dialects[MODEL_API_COUNT] = {
    [MODEL_CHAT] = {chat_begin, chat_token, chat_end, chat_whole},
    [MODEL_COMPLETIONS] = {completions_begin, completions_token,
                           completions_end, completions_whole},
    [MODEL_RESPONSES] = {responses_begin, responses_token, responses_end,
                         responses_whole},
    [MODEL_MESSAGES] = {messages_begin, messages_token, messages_end,
                        messages_whole},
    [MODEL_COUNT_TOKENS] = {.whole = count_whole},
};

void model_stream_begin(struct evbuffer *out, struct model_reply *r)
{
    dialects[r->ask.api].begin(out, r);
}

void model_stream_token(struct evbuffer *out, struct model_reply *r)
{
    dialects[r->ask.api].token(out, r);
    r->sent++;
}

void model_stream_end(struct evbuffer *out, struct model_reply *r)
{
    dialects[r->ask.api].end(out, r);
}

void model_whole(struct evbuffer *out, struct model_reply *r)
{
    dialects[r->ask.api].whole(out, r);
    if (r->ask.api != MODEL_COUNT_TOKENS)
        r->sent = r->ask.tokens;
}

/* The names that the official clients expect beside each status. */
static const struct {
    int status;
    const char *openai, *anthropic;
} error_types[] = {
    {400, "invalid_request_error", "invalid_request_error"},
    {401, "authentication_error", "authentication_error"},
    {403, "permission_error", "permission_error"},
    {404, "invalid_request_error", "not_found_error"},
    {429, "rate_limit_error", "rate_limit_error"},
    {529, "server_error", "overloaded_error"},
    {0, "server_error", "api_error"},
};

void model_error(struct evbuffer *out, enum model_api api, int status,
                 const char *message)
{
    size_t i = 0;

    while (error_types[i].status != 0 && error_types[i].status != status)
        i++;
    if (api == MODEL_MESSAGES || api == MODEL_COUNT_TOKENS)
        put(out,
            "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"}"
            ",\"request_id\":null}",
            error_types[i].anthropic, message);
    else
        put(out,
            "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,"
            "\"code\":null}}",
            message, error_types[i].openai);
}

void model_list(struct evbuffer *out)
{
    put_text(out, "{\"object\":\"list\",\"data\":[{\"id\":\"demo-model\","
                  "\"object\":\"model\",\"type\":\"model\",\"created\":0,"
                  "\"created_at\":\"1970-01-01T00:00:00Z\","
                  "\"display_name\":\"demo-model\",\"owned_by\":\"demo\"}],"
                  "\"has_more\":false,\"first_id\":\"demo-model\","
                  "\"last_id\":\"demo-model\"}");
}
