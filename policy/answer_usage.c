/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token counts out of `usage` objects, by one table of names: no API uses
 * another's name for something else. Runs in workers; an endpoint may lie, and
 * then at least the numbers stay numbers.
 */
#include "policy/answer_usage.h"

#include <stddef.h>

/* The largest whole number that every JSON reader keeps exact (RFC 8259,
 * section 6); a few of them never overflow a sum. */
#define TOKENS_MAX ((int64_t)1 << 53)

static const struct {
    const char *object; /* the count is in this member; NULL: in usage itself */
    const char *name;
    size_t part;
} names[] = {
    {NULL, "prompt_tokens", offsetof(struct usage_parts, input)},
    {NULL, "completion_tokens", offsetof(struct usage_parts, output)},
    {NULL, "input_tokens", offsetof(struct usage_parts, input)},
    {NULL, "output_tokens", offsetof(struct usage_parts, output)},
    {NULL, "cache_creation_input_tokens",
     offsetof(struct usage_parts, cache_creation)},
    {NULL, "cache_read_input_tokens", offsetof(struct usage_parts, cache_read)},
    {"prompt_tokens_details", "cached_tokens",
     offsetof(struct usage_parts, cached)},
    {"input_tokens_details", "cached_tokens",
     offsetof(struct usage_parts, cached)},
    {"completion_tokens_details", "reasoning_tokens",
     offsetof(struct usage_parts, reasoning)},
    {"output_tokens_details", "reasoning_tokens",
     offsetof(struct usage_parts, reasoning)},
};

void usage_init(struct usage_parts *u)
{
    *u = (struct usage_parts){-1, -1, -1, -1, -1, -1};
}

void usage_read(struct usage_parts *u, const struct json *j, uint32_t node)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *object = names[i].object;
        uint32_t in = object == NULL ? node : json_member(j, node, object);
        uint32_t count;
        int64_t tokens;

        if (object != NULL && in == 0)
            continue;
        count = json_member(j, in, names[i].name);
        if (count != 0 && json_int(j, count, &tokens) == 0 && tokens >= 0 &&
            tokens <= TOKENS_MAX)
            *(int64_t *)(void *)((char *)u + names[i].part) = tokens;
    }
}

static int64_t told(int64_t tokens)
{
    return tokens < 0 ? 0 : tokens;
}

struct answer_usage usage_sum(const struct usage_parts *u)
{
    struct answer_usage sum = {u->input, u->output, u->cached, u->reasoning};

    if (u->input >= 0)
        sum.input += told(u->cache_read) + told(u->cache_creation);
    if (sum.cached < 0)
        sum.cached = u->cache_read;
    return sum;
}
