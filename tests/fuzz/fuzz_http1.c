/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 from strangers and from models. The first byte says which side and
 * where the rest is split; the result of the split reading must be that of
 * the whole one (P10).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/http1_client.h"
#include "gateway/http1_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    enum http1_step step;
    bool head;
    enum reason fault;
    int64_t content_length;
    size_t body, used;
    uint32_t sum;
};

static int take(void *arg, const uint8_t *data, size_t length)
{
    struct seen *s = arg;

    for (size_t i = 0; i < length; i++)
        s->sum = s->sum * 31 + data[i];
    s->body += length;
    return 0;
}

static struct seen read_request(const uint8_t *data, size_t size, size_t at)
{
    struct http1_server h;
    struct request_head head;
    struct seen s = {0};
    size_t used = 0;

    http1_server_init(&h);
    s.step = http1_server_head(&h, data, at, &head, &used);
    if (s.step == HTTP1_MORE)
        s.step = http1_server_head(&h, data, size, &head, &used);
    if (s.step == HTTP1_MORE)
        return s;
    s.head = true;
    s.fault = head.fault;
    s.content_length = head.content_length;
    s.used = used;
    if (s.step != HTTP1_DONE || !head.has_body)
        return s;
    s.step = HTTP1_MORE;
    if (at > s.used) {
        s.step =
            http1_server_body(&h, data + s.used, at - s.used, take, &s, &used);
        s.used += used;
    }
    if (s.step == HTTP1_MORE && s.used < size) {
        s.step = http1_server_body(&h, data + s.used, size - s.used, take, &s,
                                   &used);
        s.used += used;
    }
    return s;
}

static void fuzz_request(const uint8_t *data, size_t size, size_t at)
{
    struct seen whole = read_request(data, size, size);
    struct seen split = read_request(data, size, at);

    if (whole.used > size || split.used > size)
        abort();
    if (whole.head != split.head || whole.fault != split.fault ||
        whole.step != split.step)
        abort();
    if (whole.step == HTTP1_DONE &&
        (whole.body != split.body || whole.sum != split.sum ||
         whole.used != split.used ||
         whole.content_length != split.content_length))
        abort();
}

static int on_head(void *arg, const struct upstream_head *head)
{
    struct seen *s = arg;

    s->content_length = head->content_length;
    s->head = true;
    return 0;
}

static const struct http1_client_calls calls = {on_head, take};

static void fuzz_answer(const uint8_t *data, size_t size, size_t at)
{
    struct http1_client h;
    struct seen s = {0};
    int r;

    http1_client_init(&h, &calls, &s);
    r = http1_client_feed(&h, data, at);
    if (r == 0)
        r = http1_client_feed(&h, data + at, size - at);
    if (r == 0)
        r = http1_client_eof(&h);
    if (r == 0 && !s.head)
        abort();
    if (r == 0 && s.content_length >= 0 && h.head.status != 204 &&
        h.head.status != 304 && s.body != (size_t)s.content_length)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at;

    if (size < 3)
        return 0;
    at = (size_t)(data[0] << 8 | data[1]) >> 1;
    size -= 2;
    at = at % (size + 1);
    if (data[0] & 1)
        fuzz_answer(data + 2, size, at);
    else
        fuzz_request(data + 2, size, at);
    return 0;
}
