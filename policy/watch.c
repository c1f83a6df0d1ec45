/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sliding sums over seconds and minutes, and the addresses of one person. Runs
 * in the keeper for every request, and in auditors' tools.
 */
#include "policy/watch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "policy/network.h"

/* The one that runs and the 60 before it: never less than the last 60. */
#define STEPS      61
#define MINUTE_MS  60000
#define HOUR_MS    3600000
#define WIRE_LEAST 65536

struct sums {
    int64_t step; /* the newest that `values` holds */
    uint64_t values[STEPS];
};

struct seen_address {
    uint8_t address[16];
    uint32_t open;
    int64_t last; /* ms; 0: never */
};

#define TOLD 16
struct told {
    char name[LIMIT_NAME_BYTES + 1];
    int64_t t; /* ms; 0: never */
};

struct watch {
    struct sums requests_second, refusals_second; /* a step is a second */
    struct sums requests, tokens, wire, content;  /* a step is a minute */
    struct seen_address addresses[WATCH_ADDRESSES];
    int64_t overflow; /* when an address found no place; 0: never */
    uint32_t routes;  /* used so far */
    uint64_t fields[FIELD_WORDS];
    bool any, first_use;
    struct told told[TOLD];
};

static const char *const names[WATCH_VALUES] = {
    "requests_per_minute", "refusals_per_minute",
    "requests_per_hour",   "tokens_per_hour",
    "bytes_per_hour",      "addresses",
    "wire_per_content",    "first_use"};

struct watch *watch_new(void)
{
    return calloc(1, sizeof(struct watch));
}

void watch_free(struct watch *w)
{
    free(w);
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void sums_add(struct sums *s, int64_t step, uint64_t value)
{
    if (step - s->step >= STEPS)
        memset(s->values, 0, sizeof s->values);
    else
        for (int64_t i = s->step + 1; i <= step; i++)
            s->values[i % STEPS] = 0;
    s->step = step;
    s->values[step % STEPS] = add_saturated(s->values[step % STEPS], value);
}

/* Of the step of now and the 60 before it. */
static uint64_t sums_of(const struct sums *s, int64_t step)
{
    uint64_t sum = 0;

    for (int64_t i = step - STEPS + 1; i <= s->step; i++)
        if (i >= 0 && i > s->step - STEPS)
            sum = add_saturated(sum, s->values[i % STEPS]);
    return sum;
}

/* The place of an address that was seen; WATCH_ADDRESSES: none. What is no
 * address at all is one address of its own. */
static unsigned address_find(const struct watch *w, const char *text,
                             uint8_t address[16])
{
    unsigned i;

    if (network_address(text, address) != 0)
        memset(address, 0, 16);
    for (i = 0; i < WATCH_ADDRESSES; i++)
        if (w->addresses[i].last != 0 &&
            memcmp(w->addresses[i].address, address, 16) == 0)
            break;
    return i;
}

/* A place for a new one: free, or the one that was seen longest ago and that
 * no open request needs. */
static unsigned address_place(const struct watch *w, int64_t t)
{
    unsigned oldest = WATCH_ADDRESSES;

    for (unsigned i = 0; i < WATCH_ADDRESSES; i++) {
        const struct seen_address *a = &w->addresses[i];

        if (a->open == 0 && t - a->last >= HOUR_MS &&
            (oldest == WATCH_ADDRESSES || a->last < w->addresses[oldest].last))
            oldest = i;
    }
    return oldest;
}

static uint8_t address_take(struct watch *w, const char *text, int64_t t)
{
    uint8_t address[16];
    unsigned i = address_find(w, text, address);

    if (i == WATCH_ADDRESSES && (i = address_place(w, t)) < WATCH_ADDRESSES) {
        memcpy(w->addresses[i].address, address, sizeof address);
        w->addresses[i].open = 0;
    }
    if (i == WATCH_ADDRESSES) {
        w->overflow = t;
        return WATCH_ADDRESSES;
    }
    w->addresses[i].open++;
    w->addresses[i].last = t;
    return (uint8_t)i;
}

static void uses_add(struct watch *w, enum route route,
                     const struct field_set *fields)
{
    bool fresh = (w->routes & 1u << route) == 0;

    w->routes |= 1u << route;
    for (size_t i = 0; fields != NULL && i < FIELD_WORDS; i++) {
        fresh = fresh || (fields->present[i] & ~w->fields[i]) != 0;
        w->fields[i] |= fields->present[i];
    }
    w->first_use = w->any && fresh;
    w->any = true;
}

uint8_t watch_admitted(struct watch *w, const char *address, enum route route,
                       const struct field_set *fields, int64_t t)
{
    sums_add(&w->requests_second, t / 1000, 1);
    sums_add(&w->requests, t / MINUTE_MS, 1);
    uses_add(w, route, fields);
    return address_take(w, address, t);
}

void watch_refused(struct watch *w, int64_t t)
{
    sums_add(&w->refusals_second, t / 1000, 1);
}

void watch_closed(struct watch *w, uint8_t place, int64_t t, uint64_t tokens,
                  uint64_t wire, uint64_t content)
{
    sums_add(&w->tokens, t / MINUTE_MS, tokens);
    sums_add(&w->wire, t / MINUTE_MS, wire);
    sums_add(&w->content, t / MINUTE_MS, content);
    if (place < WATCH_ADDRESSES && w->addresses[place].open > 0)
        w->addresses[place].open--;
}

static uint64_t addresses_of_hour(const struct watch *w, int64_t now)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < WATCH_ADDRESSES; i++)
        if (w->addresses[i].open > 0 ||
            (w->addresses[i].last != 0 && now - w->addresses[i].last < HOUR_MS))
            n++;
    return w->overflow != 0 && now - w->overflow < HOUR_MS ? UINT64_MAX : n;
}

static uint64_t wire_per_content(const struct watch *w, int64_t minute)
{
    uint64_t wire = sums_of(&w->wire, minute);
    uint64_t content = sums_of(&w->content, minute);

    if (wire < WIRE_LEAST)
        return 0;
    return wire / (content == 0 ? 1 : content);
}

uint64_t watch_value(const struct watch *w, enum watch_value value, int64_t now)
{
    int64_t minute = now / MINUTE_MS;

    switch (value) {
    case WATCH_REQUESTS_PER_MINUTE:
        return sums_of(&w->requests_second, now / 1000);
    case WATCH_REFUSALS_PER_MINUTE:
        return sums_of(&w->refusals_second, now / 1000);
    case WATCH_REQUESTS_PER_HOUR:
        return sums_of(&w->requests, minute);
    case WATCH_TOKENS_PER_HOUR:
        return sums_of(&w->tokens, minute);
    case WATCH_BYTES_PER_HOUR:
        return sums_of(&w->wire, minute);
    case WATCH_ADDRESSES_PER_HOUR:
        return addresses_of_hour(w, now);
    case WATCH_WIRE_PER_CONTENT:
        return wire_per_content(w, minute);
    case WATCH_FIRST_USE:
        return w->first_use;
    case WATCH_VALUES:
    default:
        return 0;
    }
}

unsigned watch_addresses_open(const struct watch *w, const char *address)
{
    uint8_t bytes[16];
    unsigned place = address_find(w, address, bytes), n = 0;

    for (unsigned i = 0; i < WATCH_ADDRESSES; i++)
        n += w->addresses[i].open > 0;
    if (place == WATCH_ADDRESSES || w->addresses[place].open == 0)
        n++;
    return n;
}

void watch_told(struct watch *w, const char *name, int64_t t)
{
    struct told *oldest = &w->told[0];

    for (size_t i = 0; i < TOLD; i++) {
        if (strcmp(w->told[i].name, name) == 0) {
            oldest = &w->told[i];
            break;
        }
        if (w->told[i].t < oldest->t)
            oldest = &w->told[i];
    }
    oldest->t = t;
    oldest->name[0] = 0;
    strncat(oldest->name, name, sizeof oldest->name - 1);
}

bool watch_was_told(const struct watch *w, const char *name, int64_t now)
{
    for (size_t i = 0; i < TOLD; i++)
        if (strcmp(w->told[i].name, name) == 0)
            return w->told[i].t != 0 && now - w->told[i].t < HOUR_MS;
    return false;
}

void watch_forget(struct watch *w)
{
    struct watch new = {.routes = w->routes, .any = w->any};

    memcpy(new.fields, w->fields, sizeof new.fields);
    memcpy(new.addresses, w->addresses, sizeof new.addresses);
    for (size_t i = 0; i < WATCH_ADDRESSES; i++)
        if (new.addresses[i].open == 0)
            new.addresses[i] = (struct seen_address){0};
    *w = new;
}

static void sums_pack(struct sums *s, struct pack *p, int64_t most)
{
    pack_time(p, &s->step, most);
    pack_sparse(p, s->values, STEPS);
}

/* Places are numbers that open requests know; behind the last one in use there
 * is nothing to tell. */
static void addresses_pack(struct watch *w, struct pack *p, int64_t newest)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < WATCH_ADDRESSES; i++)
        if (w->addresses[i].last != 0 || w->addresses[i].open > 0)
            used = i + 1;
    pack_u32(p, &used, WATCH_ADDRESSES);
    for (uint32_t i = 0; i < used; i++) {
        struct seen_address *a = &w->addresses[i];

        pack_fixed(p, a->address, sizeof a->address);
        pack_u32(p, &a->open, UINT32_MAX);
        pack_time(p, &a->last, newest);
    }
    pack_time(p, &w->overflow, newest);
}

static void told_pack(struct watch *w, struct pack *p, int64_t newest)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < TOLD; i++)
        if (w->told[i].name[0] != 0 || w->told[i].t != 0)
            used = i + 1;
    pack_u32(p, &used, TOLD);
    for (uint32_t i = 0; i < used; i++) {
        pack_text(p, w->told[i].name, sizeof w->told[i].name);
        pack_time(p, &w->told[i].t, newest);
    }
}

void watch_pack(struct watch *w, struct pack *p, int64_t newest)
{
    struct sums *const seconds[] = {&w->requests_second, &w->refusals_second};
    struct sums *const minutes[] = {&w->requests, &w->tokens, &w->wire,
                                    &w->content};

    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
        sums_pack(seconds[i], p, newest / 1000);
    for (size_t i = 0; i < sizeof minutes / sizeof *minutes; i++)
        sums_pack(minutes[i], p, newest / MINUTE_MS);
    addresses_pack(w, p, newest);
    pack_u32(p, &w->routes, UINT32_MAX);
    pack_sparse(p, w->fields, FIELD_WORDS);
    pack_bool(p, &w->any);
    pack_bool(p, &w->first_use);
    told_pack(w, p, newest);
}

enum watch_value watch_value_from_name(const char *name, size_t length)
{
    for (int i = 0; i < WATCH_VALUES; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return (enum watch_value)i;
    return WATCH_VALUES;
}

const char *watch_value_name(enum watch_value value)
{
    return names[(unsigned)value < WATCH_VALUES ? value : 0];
}
