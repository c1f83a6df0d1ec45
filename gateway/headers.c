/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the heads of both sides. Runs in a worker; everything that comes in
 * is ours, the policy's, or was checked byte by byte when it was parsed.
 */
#include "gateway/headers.h"

#include <stdio.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/http_head.h"

static void field(struct text *t, const char *name, const char *value)
{
    text_put(t, name);
    text_put(t, value);
    text_put(t, "\r\n");
}

static void field_number(struct text *t, const char *name, uint64_t value)
{
    text_put(t, name);
    text_number(t, value);
    text_put(t, "\r\n");
}

/* How long the window is still open: to the millisecond, as every tool for HTTP
 * reads it, and as a number that needs no clock of the client's. */
static void answer_window(struct text *t, const struct answer_head *a,
                          const struct headers_time *now)
{
    int64_t left = a->closes_boot - now->boot;
    char utc[CLOCK_UTC_SIZE];

    clock_format_utc(a->closes, utc);
    field(t, "x-sallyport-window-closes: ", utc);
    field_number(t, "x-sallyport-window-remaining: ",
                 left > 0 ? (uint64_t)left / 1000 : 0);
    if (now->sunset != NULL)
        field(t, "sunset: ", now->sunset);
}

/* Clients of both families read different names for the same thing. */
static void answer_identity(struct text *t, const struct answer_head *a,
                            const struct headers_time *now)
{
    field(t, "x-request-id: ", a->request_id);
    field(t, "request-id: ", a->request_id);
    field_number(t, "x-sallyport-policy: ", a->policy);
    if (a->has_receipt) {
        text_put(t, "x-sallyport-receipt: ");
        text_number(t, a->n);
        if (a->salt != NULL) {
            text_put(t, ";");
            text_hex(t, a->salt, SALT_BYTES);
        }
        text_put(t, "\r\n");
    }
    if (a->closes != 0)
        answer_window(t, a, now);
    if (a->build != NULL)
        field(t, "x-sallyport-model-build: ", a->build);
    if (a->marking != NULL)
        field(t, "x-sallyport-marking: ", a->marking);
}

/* `retry-after-ms` is what the official clients look at first. */
static void answer_retry(struct text *t, const struct answer_head *a)
{
    if (a->retry != RETRY_UNSAID)
        field(t,
              "x-should-retry: ", a->retry == RETRY_LATER ? "true" : "false");
    if (a->retry_after > 0) {
        field_number(t, "retry-after: ", (uint64_t)a->retry_after);
        field_number(t, "retry-after-ms: ", (uint64_t)a->retry_after * 1000);
    }
}

/* "1s", "250ms", "1m0s": as one client family reads it. */
static void reset_short(struct text *t, uint32_t ms)
{
    if (ms >= 60000) {
        text_number(t, ms / 60000);
        text_put(t, "m");
        ms %= 60000;
    }
    text_number(t, ms % 1000 == 0 ? ms / 1000 : ms);
    text_put(t, ms % 1000 == 0 ? "s" : "ms");
}

static void rate_field(struct text *t, const struct answer_head *a,
                       const char *what, const char *of)
{
    if (a->dialect == DIALECT_ANTHROPIC) {
        text_put(t, "anthropic-ratelimit-");
        text_put(t, of);
        text_put(t, "-");
        text_put(t, what);
    } else {
        text_put(t, "x-ratelimit-");
        text_put(t, what);
        text_put(t, "-");
        text_put(t, of);
    }
    text_put(t, ": ");
}

static void answer_rate(struct text *t, const struct answer_head *a,
                        const char *of, const struct answer_rate *r)
{
    if (r->limit <= 0)
        return;
    rate_field(t, a, "limit", of);
    text_number(t, (uint64_t)r->limit);
    text_put(t, "\r\n");
    rate_field(t, a, "remaining", of);
    text_number(t, (uint64_t)r->remaining);
    text_put(t, "\r\n");
    rate_field(t, a, "reset", of);
    if (a->dialect == DIALECT_ANTHROPIC) {
        char utc[CLOCK_UTC_SIZE];

        clock_format_utc(clock_wall_ms() + r->reset_ms, utc);
        text_put(t, utc);
    } else {
        reset_short(t, r->reset_ms);
    }
    text_put(t, "\r\n");
}

void headers_answer(struct text *t, const struct answer_head *a,
                    enum framing framing, bool closes,
                    const struct headers_time *now)
{
    static const char *const types[] = {
        [ANSWER_JSON] = "application/json",
        [ANSWER_EVENTS] = "text/event-stream; charset=utf-8",
        [ANSWER_TEXT] = "text/plain; charset=utf-8",
        [ANSWER_OCTETS] = "application/octet-stream",
        [ANSWER_LINES] = "application/x-ndjson",
    };

    text_put(t, "HTTP/1.1 ");
    text_number(t, a->status);
    text_put(t, " ");
    text_put(t, http_status_phrase(a->status));
    text_put(t, "\r\n");
    field(t, "date: ", now->date);
    field(t, "content-type: ", types[a->type]);
    if (framing == FRAMING_LENGTH)
        field_number(t, "content-length: ", (uint64_t)a->length);
    else if (framing == FRAMING_CHUNKED)
        text_put(t, "transfer-encoding: chunked\r\n");
    field(t, "cache-control: ",
          a->lasting ? "private, max-age=31536000, immutable" : "no-store");
    if (a->allow != NULL)
        field(t, "allow: ", a->allow);
    answer_identity(t, a, now);
    answer_retry(t, a);
    answer_rate(t, a, "requests", &a->requests);
    answer_rate(t, a, "tokens", &a->tokens);
    if (closes)
        text_put(t, "connection: close\r\n");
    text_put(t, "\r\n");
}

/* Compressed answers could not be looked at, so none is asked for. */
void headers_request(struct text *t, const struct upstream_request *r)
{
    const struct route_info *route = route_info(r->route);

    text_put(t, "POST ");
    text_put(t, r->prefix);
    text_put(t, route->path);
    text_put(t, " HTTP/1.1\r\n");
    field(t, "host: ", r->host);
    text_put(t, "content-type: application/json\r\n");
    field_number(t, "content-length: ", r->body_bytes);
    field(t, "accept: ", r->stream ? "text/event-stream" : "application/json");
    text_put(t, "accept-encoding: identity\r\n");
    field(t, "x-request-id: ", r->request_id);
    if (route->dialect == DIALECT_ANTHROPIC)
        field(t, "anthropic-version: ",
              r->anthropic_version[0] != '\0' ? r->anthropic_version
                                              : "2023-06-01");
    if (route->dialect == DIALECT_ANTHROPIC && r->betas[0] != '\0')
        field(t, "anthropic-beta: ", r->betas);
    text_put(t, r->credential);
    text_put(t, "\r\n");
}

void headers_date(int64_t seconds, char date[HEADERS_DATE_SIZE])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)seconds;
    struct tm tm;

    if (gmtime_r(&now, &tm) == NULL)
        memset(&tm, 0, sizeof(tm));
    snprintf(date, HEADERS_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100u,
             months + 3 * tm.tm_mon, ((unsigned)tm.tm_year + 1900) % 10000u,
             (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u,
             (unsigned)tm.tm_sec % 100u);
}
