/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one keeper to the next without an end in between. The one that goes asks
 * each worker for its last record, decides and writes down whatever comes in
 * front of it, and leaves with a list of what is open and whose it is. The one
 * that comes replays the ledger as ever; what is on the list it does not close
 * as lost but keeps until the same worker is linked to it. Whose a request is
 * is never a worker's word: one that was taken over can take over, and end, no
 * other's. Runs in the keeper; the list comes from the keeper before, by way of
 * the supervisor, and is believed as far as the ledger has the same as open.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/keeper.h"
#include "lib/file.h"

/* The list: 64-bit numbers, of this machine. First LIST_FORMAT and how many
 * workers follow; of each its index, its link's number and how many requests
 * it has; then these. */
#define LIST_FORMAT UINT64_C(0x73702d6f70656e01) /* "sp-open", 1 */
#define LIST_BYTES                                                             \
    (8 * (2 + (size_t)LIMIT_WORKERS * (3 + (size_t)LIMIT_CONNECTIONS)))

/* --- The one that goes --- */

void keeper_handover_begin(struct keeper *k, int memory)
{
    uint8_t data[16];
    size_t length;

    if (k->handing_over ||
        handover_put(MESSAGE_HANDOVER, data, sizeof(data), &length) != 0)
        fatal("handover_twice", "fd=%d", memory);
    k->handing_over = true;
    k->handover_list = memory;
    k->handover_since = k->boot;
    keeper_send_all(k, data, length);
    log_info("handing_over", "open=%zu", standing_open_requests(k->standing));
}

int keeper_take_handed(struct keeper *k, struct keeper_link *l,
                       const uint8_t *data, size_t length, const char **what)
{
    *what = "a last record that nobody asked for";
    if (!k->handing_over ||
        message_type(data, length) != MESSAGE_HANDOVER_ACK ||
        handover_get(data, length) != 0)
        return SP_EPROTO;
    l->handed = true;
    return 0;
}

/* True if nothing comes from it any more, and it has been told everything. */
static bool link_is_done(const struct keeper_link *l)
{
    return l->link == NULL || l->broken ||
           (l->handed && l->backlog.length == 0);
}

bool keeper_handover_turn(struct keeper *k)
{
    bool late = k->boot - k->handover_since >= KEEPER_ACK_MS;
    bool done = true;

    if (!k->handing_over)
        return false;
    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        struct keeper_link *l = &k->links[i];

        if (!link_is_done(l) && late)
            keeper_link_broken(k, l, "it does not hand over");
        done = done && link_is_done(l);
    }
    return done;
}

static void list_add(struct buf *b, uint64_t value)
{
    if (buf_append(b, &value, sizeof(value)) != 0)
        fatal("handover_list", "error=%s", log_quote(sp_strerror(SP_ENOMEM)));
}

static void list_link(struct buf *b, const struct keeper *k, size_t i)
{
    const struct openset *open = &k->links[i].open;

    list_add(b, i);
    list_add(b, k->links[i].generation);
    list_add(b, open->count);
    for (size_t j = 0; j < open->capacity; j++)
        if (open->slots[j] != 0)
            list_add(b, open->slots[j] - 1);
}

/* Whoever broke the protocol keeps nothing: what it has open is lost. */
static bool link_continues(const struct keeper_link *l)
{
    return l->link != NULL && !l->broken;
}

static void write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);

        if (n <= 0)
            fatal("handover_list", "error=%s",
                  log_quote(sp_strerror(sp_error_from_errno())));
        data += n;
        length -= (size_t)n;
    }
}

void keeper_handover_list(struct keeper *k)
{
    struct buf b;
    uint64_t links = 0;

    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        links += link_continues(&k->links[i]);
    buf_init(&b, LIST_BYTES);
    list_add(&b, LIST_FORMAT);
    list_add(&b, links);
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        if (link_continues(&k->links[i]))
            list_link(&b, k, i);
    write_all(k->handover_list, buf_bytes(&b), b.length);
    buf_release(&b);
}

/* --- The one that comes --- */

struct list {
    const uint8_t *data;
    size_t left;
    bool failed;
};

static uint64_t list_get(struct list *in)
{
    uint64_t value = 0;

    if (in->left < sizeof(value)) {
        in->failed = true;
        return 0;
    }
    memcpy(&value, in->data, sizeof(value));
    in->data += sizeof(value);
    in->left -= sizeof(value);
    return value;
}

static int inherit_one(struct keeper *k, struct list *in)
{
    uint64_t i = list_get(in), generation = list_get(in), count = list_get(in);
    struct keeper_link *l;

    if (in->failed || i >= LIMIT_WORKERS || count > LIMIT_CONNECTIONS ||
        k->links[i].inherited)
        return SP_EPROTO;
    l = &k->links[i];
    l->inherited = true;
    l->generation = generation;
    buf_init(&l->backlog, KEEPER_BACKLOG_BYTES);
    for (; count > 0; count--) {
        uint64_t n = list_get(in);
        int r = in->failed || standing_next_open(k->standing, n) != n ||
                        keeper_is_had(k, n)
                    ? SP_EPROTO
                    : openset_add(&l->open, n, LIMIT_CONNECTIONS);

        if (r != 0)
            return r;
    }
    return 0;
}

static int inherit_all(struct keeper *k, struct list *in)
{
    uint64_t links = 0;
    int r = list_get(in) == LIST_FORMAT ? 0 : SP_EPROTO;

    if (r == 0)
        links = list_get(in);
    for (; r == 0 && links > 0; links--)
        r = inherit_one(k, in);
    return r == 0 && (in->failed || in->left > 0) ? SP_EPROTO : r;
}

int keeper_inherit(struct keeper *k, int memory, char problem[512])
{
    uint8_t *data = NULL;
    struct list in = {0};
    int r = file_read_fd(memory, LIST_BYTES, &data, &in.left);

    close(memory);
    in.data = data;
    if (r == 0)
        r = inherit_all(k, &in);
    free(data);
    k->inherited_since = k->boot;
    if (r != 0)
        snprintf(problem, 512, "what the keeper before handed over: %s",
                 sp_strerror(r));
    return r;
}

void keeper_inherit_drop(struct keeper *k, struct keeper_link *l)
{
    uint32_t lost = keeper_close_lost(k, &l->open);

    log_warn("worker_did_not_come", "worker=%u lost=%u",
             (unsigned)(l - k->links), lost);
    buf_release(&l->backlog);
    openset_release(&l->open);
    l->inherited = false;
}

void keeper_inherit_link(struct keeper *k, struct keeper_link *l,
                         uint64_t before)
{
    if (l->inherited && (before == 0 || before != l->generation))
        keeper_inherit_drop(k, l);
}

void keeper_inherit_turn(struct keeper *k)
{
    if (k->inherited_since == 0 ||
        k->boot - k->inherited_since < KEEPER_CLAIM_MS)
        return;
    k->inherited_since = 0;
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        if (k->links[i].inherited)
            keeper_inherit_drop(k, &k->links[i]);
}
