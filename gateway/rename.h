/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name a model has at its endpoint never reaches a client: in answers,
 * the value of every member `model` that is that name becomes the one that
 * clients use. Everything else stays as it is, byte by byte.
 *
 * In JSON text the bytes `"model":"…"` cannot stand within a string, for
 * there the quotes would be escaped; so no parser is needed, and a stream can
 * be rewritten wherever it is cut.
 */
#ifndef SP_GATEWAY_RENAME_H
#define SP_GATEWAY_RENAME_H

#include "lib/buf.h"
#include "lib/limits.h"

/* A name as JSON writes it, with its quotes. */
#define RENAME_TEXT (6 * LIMIT_MODEL_BYTES + 3)
/* Whitespace around a colon that is still looked through. */
#define RENAME_SPACES 16
#define RENAME_HELD   (RENAME_TEXT + 2 * RENAME_SPACES + 16)

/* One model's; made once. */
struct rename_rule {
    char from[RENAME_TEXT], to[RENAME_TEXT];
    size_t from_length, to_length;
};

/* One answer's. All zero but the rule is its beginning. */
struct rename {
    const struct rename_rule *rule; /* NULL: nothing to rename */
    uint8_t part; /* enum of rename.c: what is expected next */
    uint8_t spaces;
    size_t matched; /* bytes of that */
    size_t value;   /* where in `held` the value begins */
    size_t nheld;
    uint8_t before;         /* the byte before the first one held */
    char held[RENAME_HELD]; /* looked at, not decided */
};

/* SP_ETOOBIG: a name is too long. */
int rename_rule_init(struct rename_rule *r, const char *from,
                     const char *to) SP_MUST_USE;

/* Appends what is decided to `out`. SP_ETOOBIG, SP_ENOMEM. */
int rename_feed(struct rename *r, const uint8_t *data, size_t length,
                struct buf *out) SP_MUST_USE;
/* The answer is whole: what was held is decided. */
int rename_end(struct rename *r, struct buf *out) SP_MUST_USE;

#endif
