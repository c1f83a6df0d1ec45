/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what members of answers mean (facts: OpenAI's and Anthropic's
 * API references, and what servers add to them). Runs in workers.
 */
#include "policy/answer_shape.h"

#include <string.h>

#define ROW(name, deed, shape)                                                 \
    {                                                                          \
        name, sizeof(name) - 1, DEED_##deed, SHAPE_##shape                     \
    }
#define END                                                                    \
    {                                                                          \
        NULL, 0, DEED_NONE, SHAPE_ANY                                          \
    }
#define ROWS 14

static const struct shape_row rows[SHAPE_COUNT][ROWS] = {
    /* Free-form content first: whoever wrote it may use any name in it. */
    [SHAPE_ANY] = {ROW("model", MODEL_MAYBE, ANY),
                   ROW("metadata", NONE, OPAQUE), ROW("input", NONE, OPAQUE),
                   ROW("arguments", NONE, OPAQUE), ROW("tools", NONE, OPAQUE),
                   ROW("parameters", NONE, OPAQUE), ROW("schema", NONE, OPAQUE),
                   ROW("input_schema", NONE, OPAQUE),
                   ROW("json_schema", NONE, OPAQUE),
                   ROW("attributes", NONE, OPAQUE),
                   ROW("variables", NONE, OPAQUE), END},

    [SHAPE_CHAT] = {ROW("id", ID, ANY), ROW("model", MODEL, OPAQUE),
                    ROW("object", KIND, ANY), ROW("choices", NONE, CHOICE),
                    ROW("usage", USAGE, OPAQUE), ROW("error", ERROR, OPAQUE),
                    ROW("type", KIND, ANY), END},
    [SHAPE_CHOICE] = {ROW("delta", NONE, SPOKEN), ROW("message", NONE, SPOKEN),
                      ROW("finish_reason", FINISH, ANY), ROW("text", SAID, ANY),
                      ROW("error", ERROR, OPAQUE), END},
    [SHAPE_SPOKEN] = {ROW("content", SAID, PART), ROW("refusal", SAID, ANY),
                      ROW("reasoning_content", THOUGHT, PART),
                      ROW("reasoning", THOUGHT, PART),
                      ROW("reasoning_details", THOUGHT_AGAIN, OPAQUE),
                      ROW("tool_calls", NONE, CALL),
                      ROW("function_call", NONE, FUNCTION),
                      ROW("audio", NONE, AUDIO), END},
    [SHAPE_PART] = {ROW("text", SAID, ANY), ROW("refusal", SAID, ANY),
                    ROW("thinking", THOUGHT, PART), ROW("data", SAID, ANY),
                    ROW("transcript", SAID, ANY), END},
    [SHAPE_CALL] = {ROW("function", NONE, FUNCTION),
                    ROW("custom", NONE, FUNCTION), END},
    [SHAPE_FUNCTION] = {ROW("arguments", SAID, OPAQUE),
                        ROW("input", SAID, OPAQUE), END},
    [SHAPE_AUDIO] = {ROW("transcript", SAID, ANY), ROW("data", SAID, ANY), END},

    [SHAPE_RESPONSE_EVENT] = {ROW("type", KIND, ANY),
                              ROW("delta", SAID, OPAQUE),
                              ROW("response", NONE, RESPONSE),
                              ROW("item", NONE, ITEM), ROW("part", NONE, ANY),
                              ROW("error", ERROR, OPAQUE), END},
    [SHAPE_RESPONSE] = {ROW("id", ID, ANY), ROW("model", MODEL, OPAQUE),
                        ROW("object", KIND, ANY), ROW("status", FINISH, ANY),
                        ROW("output", NONE, ITEM), ROW("usage", USAGE, OPAQUE),
                        ROW("error", FAILURE, OPAQUE), ROW("type", KIND, ANY),
                        END},
    [SHAPE_ITEM] = {ROW("content", SAID, PART), ROW("arguments", SAID, OPAQUE),
                    ROW("input", SAID, OPAQUE), ROW("code", SAID, ANY),
                    ROW("result", SAID, ANY),
                    ROW("encrypted_content", SAID, ANY), END},
    [SHAPE_REASONING_ITEM] = {ROW("content", THOUGHT_EMPTIED, PART),
                              ROW("summary", THOUGHT_EMPTIED, PART),
                              ROW("encrypted_content", THOUGHT, ANY), END},

    [SHAPE_MESSAGE_EVENT] = {ROW("type", KIND, ANY),
                             ROW("delta", NONE, BLOCK_DELTA),
                             ROW("content_block", NONE, BLOCK),
                             ROW("message", NONE, MESSAGE),
                             ROW("usage", USAGE, OPAQUE),
                             ROW("error", ERROR, OPAQUE), END},
    [SHAPE_MESSAGE] = {ROW("id", ID, ANY), ROW("model", MODEL, OPAQUE),
                       ROW("type", KIND, ANY), ROW("content", SAID, BLOCK),
                       ROW("stop_reason", FINISH, ANY),
                       ROW("usage", USAGE, OPAQUE), ROW("error", ERROR, OPAQUE),
                       END},
    [SHAPE_BLOCK] = {ROW("text", SAID, ANY), ROW("input", SAID, OPAQUE),
                     ROW("thinking", THOUGHT_EMPTIED, ANY),
                     ROW("signature", THOUGHT_EMPTIED, ANY),
                     ROW("data", THOUGHT_EMPTIED, ANY), END},
    [SHAPE_BLOCK_DELTA] = {ROW("text", SAID, ANY),
                           ROW("partial_json", SAID, ANY),
                           ROW("thinking", THOUGHT_EVENT, ANY),
                           ROW("signature", THOUGHT_EVENT, ANY),
                           ROW("stop_reason", FINISH, ANY),
                           ROW("content", SAID, ANY), END},

    [SHAPE_TOKENS] = {ROW("type", KIND, ANY), ROW("error", ERROR, OPAQUE), END},
};

static const struct shape_row nothing = END;

static const struct shape_row *find(enum shape shape, const char *name,
                                    size_t length)
{
    for (const struct shape_row *r = rows[shape]; r->name != NULL; r++)
        if (r->length == length && r->name[0] == name[0] &&
            memcmp(r->name, name, length) == 0)
            return r;
    return NULL;
}

const struct shape_row *shape_row(enum shape shape, const char *name,
                                  size_t length)
{
    const struct shape_row *r = find(shape, name, length);

    if (r == NULL && shape != SHAPE_ANY)
        r = find(SHAPE_ANY, name, length);
    return r != NULL ? r : &nothing;
}

const struct shape_row *shape_element(enum shape shape)
{
    static const struct shape_row elements[SHAPE_COUNT] = {
#define ELEMENT(shape) [SHAPE_##shape] = {"", 0, DEED_NONE, SHAPE_##shape}
        ELEMENT(ANY),      ELEMENT(OPAQUE),         ELEMENT(CHAT),
        ELEMENT(CHOICE),   ELEMENT(SPOKEN),         ELEMENT(PART),
        ELEMENT(CALL),     ELEMENT(FUNCTION),       ELEMENT(AUDIO),
        ELEMENT(RESPONSE), ELEMENT(RESPONSE_EVENT), ELEMENT(ITEM),
        ELEMENT(MESSAGE),  ELEMENT(REASONING_ITEM), ELEMENT(MESSAGE_EVENT),
        ELEMENT(BLOCK),    ELEMENT(BLOCK_DELTA),    ELEMENT(TOKENS),
#undef ELEMENT
    };

    return &elements[shape];
}
