/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's part of revocation: it opens the files that hold lists
 * (without looking into them), joins the revoker with the dialer and the
 * workers, and hands a new set on: first to the keeper, which records it, then
 * to the workers, where it takes effect (P5).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/processes.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/file.h"

/* More than are ever told and not yet read. */
#define SETS_ON_THEIR_WAY 4096

static bool is_ready(const struct process *p)
{
    return p->state == ROLE_STATE_READY;
}

static bool party_has_rule(const struct policy_party *p)
{
    return p->revocation.mode != POLICY_REVOCATION_NONE;
}

bool supervisor_needs_revoker(const struct supervisor *s)
{
    const struct policy *p = s->snapshot.policy;
    bool needed = false;

    for (size_t i = 0; i < p->nparties; i++)
        needed |= party_has_rule(&p->parties[i]);
    return needed;
}

void supervisor_revocation_init(struct supervisor *s)
{
    s->offered = s->in_force = -1;
    s->processes[REVOKER].unused = !supervisor_needs_revoker(s);
}

bool supervisor_revocation_ready(const struct supervisor *s)
{
    return s->processes[REVOKER].unused || s->in_force >= 0;
}

/* --- files with lists --- */

static int list_open(const struct supervisor *s, const char *name)
{
    char *path = settings_path(s->snapshot.settings, name);
    struct stat st;
    int fd;

    if (path == NULL)
        return SP_ENOMEM;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    free(path);
    if (fd < 0)
        return sp_error_from_errno();
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_mode & S_IWOTH) != 0) {
        close(fd);
        return SP_EPERM;
    }
    return fd;
}

void supervisor_send_lists(struct supervisor *s)
{
    const struct policy *p = s->snapshot.policy;
    struct process *revoker = &s->processes[REVOKER];

    for (uint32_t i = 0; i < p->nparties && is_ready(revoker); i++) {
        const struct policy_party *party = &p->parties[i];
        const struct crl_file v = {.party = i};
        uint8_t data[32];
        size_t length;
        int fd;

        if (!party_has_rule(party) || party->revocation.crl == NULL)
            continue;
        fd = list_open(s, party->revocation.crl);
        if (fd < 0) {
            log_error("list_not_opened", "party=%s file=%s error=%s",
                      party->name, log_quote(party->revocation.crl),
                      log_quote(sp_strerror(fd)));
            continue;
        }
        if (crl_file_put(&v, data, sizeof(data), &length) == 0)
            process_send(revoker, data, length, &fd, 1);
        close(fd);
    }
}

/* --- joining --- */

void supervisor_join_fetches(struct supervisor *s)
{
    struct process *revoker = &s->processes[REVOKER];
    struct process *dialer = &s->processes[DIALER];
    const struct fetch_channel v = {.number = ++s->links};
    uint8_t data[32];
    size_t length;

    if (!is_ready(revoker) || !is_ready(dialer))
        return;
    if (fetch_channel_put(&v, data, sizeof(data), &length) != 0 ||
        process_join(revoker, dialer, data, length) != 0)
        process_kill(revoker); /* its back-off is the retry */
}

static void send_set(struct supervisor *s, struct process *to, int fd)
{
    uint8_t data[64];
    size_t length;

    if (fd >= 0 &&
        revocations_number_put(MESSAGE_REVOCATIONS, &s->offered_number, data,
                               sizeof(data), &length) == 0)
        process_send(to, data, length, &fd, 1);
}

void supervisor_join_revoker(struct supervisor *s, struct process *worker)
{
    struct process *revoker = &s->processes[REVOKER];
    const struct link_message v = {.worker = worker->index,
                                   .generation = ++s->links};
    uint8_t data[64];
    size_t length;

    if (!is_ready(worker))
        return;
    send_set(s, worker, s->in_force);
    if (!is_ready(revoker))
        return;
    if (link_message_put(MESSAGE_REVOKER, &v, data, sizeof(data), &length) !=
            0 ||
        process_join(worker, revoker, data, length) != 0)
        process_kill(worker);
}

/* A new one begins with what the last one had built, recorded or not: nobody
 * in it is ever good again. */
void supervisor_revoker_ready(struct supervisor *s)
{
    send_set(s, &s->processes[REVOKER],
             s->offered >= 0 ? s->offered : s->in_force);
    supervisor_send_lists(s);
}

/* Sets that are on their way have lower numbers than its answer. */
void supervisor_announce(struct supervisor *s)
{
    const struct revocations_number v = {.number = s->offered_number.number +
                                                   SETS_ON_THEIR_WAY};
    uint8_t data[64];
    size_t length;

    if (!is_ready(&s->processes[REVOKER]) || !is_ready(&s->processes[KEEPER]) ||
        revocations_number_put(MESSAGE_ANNOUNCE, &v, data, sizeof(data),
                               &length) != 0)
        return;
    s->announced = v.number;
    process_send(&s->processes[REVOKER], data, length, NULL, 0);
}

/* --- a set's way --- */

static void to_keeper(struct supervisor *s, const uint8_t *data, size_t length)
{
    /* One that is not there is told everything when it is. */
    if (is_ready(&s->processes[KEEPER]))
        process_send(&s->processes[KEEPER], data, length, NULL, 0);
}

/* Each is an entry: a revoker that was taken over by a list must not fill the
 * disk. A set has at most 4,096 lists, and each of them is told again when the
 * keeper or the revoker is a new one. */
static bool list_has_room(struct supervisor *s)
{
    const int64_t most = 16384, ms_each = 16;
    int64_t gone = (clock_boot_ms() - s->lists_at) / ms_each;

    s->lists_at += gone * ms_each;
    s->lists_used = s->lists_used > gone ? s->lists_used - gone : 0;
    if (s->lists_used >= most)
        return false;
    s->lists_used++;
    return true;
}

/* Nobody but the keeper would suffer from one that tells more than it takes. */
static bool keeper_has_room(const struct supervisor *s)
{
    const struct channel *c = s->processes[KEEPER].channel;

    return c == NULL || channel_queued(c) < CHANNEL_BUSY;
}

/* Workers map it. */
static bool is_sealed(int fd)
{
    return file_check_seals(fd, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) ==
           0;
}

/* One that was told before the keeper began to listen waits for no record: its
 * lists were told to the keeper before, and may have gone with it. The revoker
 * has been asked to tell everything again. */
static void offer(struct supervisor *s, const struct revocations_number *number,
                  int fd, const uint8_t *data, size_t length)
{
    if (s->offered >= 0)
        close(s->offered);
    s->offered = fd;
    s->offered_number = *number;
    if (number->number > s->announced)
        to_keeper(s, data, length);
}

int supervisor_revoker_message(struct supervisor *s, const uint8_t *data,
                               size_t length, int fd)
{
    struct revocations_number number;
    struct crl_loaded loaded;

    switch (message_type(data, length)) {
    case MESSAGE_CRL_LOADED:
        if (fd >= 0 || crl_loaded_get(&loaded, data, length) != 0 ||
            !list_has_room(s) || !keeper_has_room(s))
            return SP_EPROTO;
        to_keeper(s, data, length);
        return 0;
    case MESSAGE_REVOCATIONS:
        /* No revoker comes so far: what is added to it must not wrap. */
        if (fd < 0 || revocations_number_get(&number, data, length) != 0 ||
            number.number > UINT64_MAX / 2 || !is_sealed(fd) ||
            !keeper_has_room(s))
            return SP_EPROTO;
        offer(s, &number, fd, data, length);
        return 0;
    case MESSAGE_LIST_AGES:
        return fd >= 0 ? SP_EPROTO : supervisor_list_ages(s, data, length);
    default:
        return SP_EPROTO;
    }
}

int supervisor_revocations_recorded(struct supervisor *s, const uint8_t *data,
                                    size_t length)
{
    struct revocations_number v;

    if (revocations_number_get(&v, data, length) != 0)
        return SP_EPROTO;
    if (s->offered < 0 || v.number != s->offered_number.number ||
        v.revoker != s->offered_number.revoker)
        return 0; /* a newer one is on its way */
    if (s->in_force >= 0)
        close(s->in_force);
    s->in_force = s->offered;
    s->offered = -1;
    for (unsigned i = 0; i < LIMIT_WORKERS; i++)
        if (is_ready(&s->processes[WORKERS + i]))
            send_set(s, &s->processes[WORKERS + i], s->in_force);
    supervisor_ready(s);
    return 0;
}
