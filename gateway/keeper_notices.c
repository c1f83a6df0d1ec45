/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that concern a party, on their way to the supervisor, which delivers
 * them. Each leaves when it is on disk, once; one that waits when the keeper
 * dies is in the ledger and nowhere else. No decision waits for any of it (P9).
 * Runs in the keeper.
 */
#include <string.h>

#include "gateway/keeper.h"
#include "gateway/notice.h"

/* Encoded: the texts and some numbers. */
#define MESSAGE_BYTES 640

struct head {
    uint64_t n;
    size_t length;
};

void keeper_notice(struct keeper *k, const struct entry *e)
{
    struct notice v;
    struct head head = {.n = e->n};
    uint8_t *space;

    if (!notice_from_entry(&v, e))
        return;
    if (buf_reserve(&k->notices, sizeof head + MESSAGE_BYTES, &space) != 0 ||
        notice_put(&v, space + sizeof head, MESSAGE_BYTES, &head.length) != 0) {
        log_error("notice_lost", "n=%llu event=%s why=%s",
                  (unsigned long long)e->n, notice_event_text(v.event),
                  log_quote("too many wait"));
        return;
    }
    memcpy(space, &head, sizeof head);
    buf_commit(&k->notices, sizeof head + head.length);
}

void keeper_notices_turn(struct keeper *k)
{
    uint64_t durable;

    if (k->notices.length == 0)
        return;
    pthread_mutex_lock(&k->links_lock);
    durable = k->durable;
    pthread_mutex_unlock(&k->links_lock);
    /* The tick is the retry. */
    while (k->notices.length > 0 && k->channel != NULL &&
           channel_queued(k->channel) < CHANNEL_BUSY) {
        struct head head;

        memcpy(&head, buf_bytes(&k->notices), sizeof head);
        if (head.n >= durable)
            return;
        keeper_tell(k, buf_bytes(&k->notices) + sizeof head, head.length);
        buf_drain(&k->notices, sizeof head + head.length);
    }
    if (k->notices.length == 0)
        buf_release(&k->notices);
}
