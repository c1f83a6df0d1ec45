/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a body: read, places in it told, and if it is right, rebuilt;
 * what was rebuilt is read again and must say the same (P10).
 */
#include <stdlib.h>
#include <string.h>

#include "policy/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool right)
{
    if (!right)
        abort();
}

/* Tells every kind of place into `size` bytes and a guard behind them. */
static void locate(const struct json *j, enum route route, size_t size)
{
    char pointer[256];

    for (uint32_t field = 0; field <= field_count(); field++) {
        bool last = field == field_count();

        memset(pointer, 0x5a, sizeof pointer);
        body_locate(j, route, last ? FIELD_NONE : (uint16_t)field, pointer,
                    size);
        hold(memchr(pointer, 0, size) != NULL);
        for (size_t i = size; i < sizeof pointer; i++)
            hold(pointer[i] == 0x5a);
    }
}

static void same(const struct facts *a, const struct facts *b)
{
    hold(b->fault == REASON_NONE);
    hold(strcmp(a->model, b->model) == 0 && a->stream == b->stream);
    hold(a->max_tokens == b->max_tokens && a->outputs == b->outputs);
    hold(memcmp(&a->fields, &b->fields, sizeof a->fields) == 0);
    hold(a->tools == b->tools && a->media == b->media);
    hold(strcmp(a->tool_types, b->tool_types) == 0);
}

/* No terms: nothing is stripped or forced, so all facts stay. */
static void rebuild(const struct json *j, const struct facts *f)
{
    const struct body_change change = {.model = f->model};
    static struct json second;
    struct facts again = {0};
    struct buf out;

    buf_init(&out, LIMIT_BODY_BYTES);
    if (body_rebuild(j, f, &change, &out) == 0) {
        body_read(&second, f->route, (const char *)buf_bytes(&out), out.length,
                  &again);
        same(f, &again);
        hold(!second.spaced);
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json j;
    struct facts f = {0};

    if (size < 2)
        return 0;
    body_read(&j, (enum route)(data[0] % ROUTE_COUNT), (const char *)data + 2,
              size - 2, &f);
    if (j.fault != JSON_FINE)
        return 0;
    locate(&j, f.route, data[1] % 200u + 1);
    if (f.fault == REASON_NONE)
        rebuild(&j, &f);
    return 0;
}
