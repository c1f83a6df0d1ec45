/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of one person's last hour, for tripwires and the limit of
 * addresses: how much was asked, refused and answered, from where, and what was
 * used for the first time. Computed from entries and their times alone, so that
 * a replay remembers the same (P6). Pure.
 */
#ifndef SP_POLICY_WATCH_H
#define SP_POLICY_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/pack.h"
#include "policy/field.h"

/* Addresses of one person that are told apart; whoever comes from more has
 * come from too many for any limit. */
#define WATCH_ADDRESSES 16

enum watch_value {
    WATCH_REQUESTS_PER_MINUTE,
    WATCH_REFUSALS_PER_MINUTE,
    WATCH_REQUESTS_PER_HOUR,
    WATCH_TOKENS_PER_HOUR,
    WATCH_BYTES_PER_HOUR,
    WATCH_ADDRESSES_PER_HOUR, /* "addresses" */
    WATCH_WIRE_PER_CONTENT,   /* bytes sent for each byte of content, of the
                                 last hour's answers; 0 below 64 KiB */
    WATCH_FIRST_USE,          /* 1: the newest request has a use or field that
                                 none before had; the first request has none */
    WATCH_VALUES
};

struct watch;

struct watch *watch_new(void); /* NULL: out of memory */
void watch_free(struct watch *w);

/* Requests of one person in the ledger's order; t in ms, never falling.
 * Returns the place of the address, for watch_closed(). */
uint8_t watch_admitted(struct watch *w, const char *address, enum route route,
                       const struct field_set *fields, int64_t t);
void watch_refused(struct watch *w, int64_t t);
void watch_closed(struct watch *w, uint8_t place, int64_t t, uint64_t tokens,
                  uint64_t wire, uint64_t content);

uint64_t watch_value(const struct watch *w, enum watch_value value,
                     int64_t now);
/* Addresses with open requests, `address` among them whether it has one or
 * not. */
unsigned watch_addresses_open(const struct watch *w, const char *address);

/* Tripwire `name` was told at `t`; whether it was within the hour before `now`.
 * The names of the last 16 are remembered. */
void watch_told(struct watch *w, const char *name, int64_t t);
bool watch_was_told(const struct watch *w, const char *name, int64_t now);

/* Somebody looked at what happened and let the person go on: it is no more
 * held against them. What is open and what was used stays known. */
void watch_forget(struct watch *w);

/* Both ways, for a standing's snapshot. Nothing in it is later than `newest`
 * ms. */
void watch_pack(struct watch *w, struct pack *p, int64_t newest);

/* "tokens_per_hour" …; WATCH_VALUES if there is none. */
enum watch_value watch_value_from_name(const char *name, size_t length);
const char *watch_value_name(enum watch_value value);

#endif
