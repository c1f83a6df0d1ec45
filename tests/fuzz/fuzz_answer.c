/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an answer: what is made of them does not depend on how they are
 * cut, and what comes out is right and would not be changed again. The first
 * bytes choose the API, the rule and the cuts.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum route routes[] = {ROUTE_CHAT_COMPLETIONS, ROUTE_COMPLETIONS,
                                    ROUTE_RESPONSES, ROUTE_MESSAGES,
                                    ROUTE_MESSAGES_COUNT_TOKENS};
static const char *const removals[] = {"logprobs", "system_fingerprint", NULL};

struct read {
    int error;
    uint64_t content;
    struct answer_usage usage;
    struct buf out;
};

static void read_all(struct read *r, uint8_t how, const uint8_t *data,
                     size_t size, size_t step)
{
    const struct answer_rule rule = {
        "orion", "hidden", (how & 8) != 0 ? removals : NULL, (how & 16) != 0};
    struct answer a;

    memset(r, 0, sizeof(*r));
    buf_init(&r->out, 16u << 20);
    if (answer_init(&a, &rule, routes[(how & 7) % 5], (how & 32) != 0,
                    (how & 64) != 0) != 0)
        abort();
    while (r->error == 0 && size > 0) {
        size_t n = step < size ? step : size;

        r->error = answer_feed(&a, data, n, &r->out);
        data += n;
        size -= n;
    }
    if (r->error == 0)
        r->error = answer_end(&a, &r->out);
    r->content = answer_content_bytes(&a);
    r->usage = answer_usage(&a);
    answer_release(&a);
}

static int differ(const struct buf *a, const struct buf *b)
{
    return a->length != b->length ||
           (a->length > 0 &&
            memcmp(buf_bytes(a), buf_bytes(b), a->length) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct read whole, cut, again;

    if (size < 2)
        return 0;
    read_all(&whole, data[0], data + 2, size - 2, size);
    read_all(&cut, data[0], data + 2, size - 2, 1 + data[1] % 32);
    if (whole.error != cut.error || whole.content != cut.content ||
        differ(&whole.out, &cut.out) ||
        memcmp(&whole.usage, &cut.usage, sizeof(cut.usage)) != 0)
        abort();
    if (whole.error == 0 && whole.out.length > 0) {
        read_all(&again, data[0], buf_bytes(&whole.out), whole.out.length,
                 size * 2);
        if (again.error != 0 || differ(&whole.out, &again.out))
            abort();
        buf_release(&again.out);
    }
    buf_release(&whole.out);
    buf_release(&cut.out);
    return 0;
}
