/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of a ledger among themselves: their numbers, times and keys, and
 * the one end of each request. Runs on an auditor's machine, over entries that
 * anybody may have written.
 */
#include "ctl/log_content.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int content_bad(struct log_content *c, uint64_t n, const char *what)
{
    snprintf(c->problem, sizeof c->problem, "entry %" PRIu64 ": %s", n, what);
    return SP_ECORRUPT;
}

/* The first entry names the origin and the key, and no other does; another key
 * is named by log.rekeyed, and the keys are compared at the end. */
static int opened_check(struct log_content *c, uint64_t n,
                        const struct entry *e)
{
    const char *problem = NULL;

    if ((n == 0) != (e->kind == ENTRY_LOG_OPENED))
        return content_bad(c, n,
                           n == 0 ? "kind: wanted log.opened first"
                                  : "kind: log.opened again");
    if (n == 0 && strcmp(e->u.log_opened.origin, c->head->origin) != 0)
        return content_bad(c, n, "origin: not the checkpoint's");
    int r = log_keys_take(&c->keys, e, &problem);
    return r == SP_ECORRUPT ? content_bad(c, n, problem) : r;
}

static int request_check(struct log_content *c, uint64_t n,
                         const struct entry *e)
{
    char text[120];

    if (e->kind == ENTRY_REQUEST_REFUSED)
        c->refused++;
    if (e->kind == ENTRY_REQUEST_ADMITTED) {
        c->admitted++;
        return numbers_add(&c->open, n);
    }
    if (e->kind != ENTRY_REQUEST_CLOSED)
        return 0;
    c->closed++;
    if (numbers_remove(&c->open, e->u.request_closed.of))
        return 0;
    snprintf(text, sizeof text,
             "closes entry %" PRIu64 ": not an admitted request, or closed "
             "before",
             e->u.request_closed.of);
    return content_bad(c, n, text);
}

int log_content_check(void *arg, uint64_t n, const uint8_t *line, size_t length)
{
    struct log_content *c = arg;
    struct entry e;
    int r = entry_decode(&c->reader, (const char *)line, length, &e);

    if (r == SP_ENOMEM)
        return r;
    if (r != 0)
        return content_bad(c, n, "not an entry of this program's version");
    if (e.n != n)
        return content_bad(c, n, "n: not its place in the tree");
    if (e.t < c->newest)
        return content_bad(c, n, "t: earlier than the entry before");
    c->newest = e.t;
    if ((r = opened_check(c, n, &e)) != 0)
        return r;
    return request_check(c, n, &e);
}
