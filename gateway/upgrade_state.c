/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state as bytes: one message as processes send them, checked as one, for
 * a mistake in it would take down everybody. Runs in the supervisor.
 */
#include "gateway/upgrade_state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/msg.h"

#define STATE_TYPE  1
#define STATE_BYTES (256u << 10)
#define SEALS       (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static void put_fd(struct msg_out *m, int fd)
{
    msg_put_u32(m, (uint32_t)(fd + 1));
}

/* -1, or one that is open. */
static int get_fd(struct msg_in *m)
{
    uint32_t n = msg_get_u32(m);
    int fd = (int)n - 1;

    if (n > 1u << 20 || (n > 0 && fcntl(fd, F_GETFD) < 0))
        m->failed = true;
    return fd;
}

static void put_process(struct msg_out *m, const struct upgrade_process *p)
{
    msg_put_u32(m, p->role);
    msg_put_u32(m, p->index);
    msg_put_u32(m, (uint32_t)p->pid);
    put_fd(m, p->fd);
    msg_put_u64(m, p->generation);
    msg_put_u8(m, p->linked);
    msg_put_u64(m, p->link);
}

static void get_process(struct msg_in *m, struct upgrade_process *p)
{
    p->role = msg_get_u32(m);
    p->index = msg_get_u32(m);
    p->pid = (int32_t)msg_get_u32(m);
    p->fd = get_fd(m);
    p->generation = msg_get_u64(m);
    p->linked = msg_get_bool(m);
    p->link = msg_get_u64(m);
    if (p->role >= ROLE_COUNT || p->index >= LIMIT_WORKERS || p->pid <= 0 ||
        p->fd < 0)
        m->failed = true;
}

static int encode(const struct upgrade_state *u, uint8_t *data, size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, data, STATE_BYTES, STATE_TYPE);
    msg_put_i64(&m, u->started);
    msg_put_fixed(&m, u->digest, sizeof(u->digest));
    msg_put_u64(&m, u->links);
    msg_put_u64(&m, u->rules);
    msg_put_u64(&m, u->rule_numbers);
    msg_put_u64(&m, u->reloads);
    msg_put_u64(&m, u->offered_number.revoker);
    msg_put_u64(&m, u->offered_number.number);
    msg_put_u64(&m, u->announced);
    put_fd(&m, u->offered);
    put_fd(&m, u->in_force);
    msg_put_u8(&m, u->control_held);
    msg_put_u32(&m, u->held);
    msg_put_u32(&m, u->nprocesses);
    for (uint32_t i = 0; i < u->nprocesses; i++)
        put_process(&m, &u->processes[i]);
    msg_put_u32(&m, u->nsockets);
    for (uint32_t i = 0; i < u->nsockets; i++) {
        put_fd(&m, u->sockets[i].fd);
        msg_put_text(&m, u->sockets[i].name);
    }
    *length = m.length;
    return msg_put_end(&m);
}

static int decode(struct upgrade_state *u, const uint8_t *data, size_t length)
{
    struct msg_in m;

    *u = (struct upgrade_state){0};
    if (msg_get_begin(&m, data, length) != STATE_TYPE)
        return SP_EPROTO;
    u->started = msg_get_i64(&m);
    msg_get_fixed(&m, u->digest, sizeof(u->digest));
    u->links = msg_get_u64(&m);
    u->rules = msg_get_u64(&m);
    u->rule_numbers = msg_get_u64(&m);
    u->reloads = msg_get_u64(&m);
    u->offered_number.revoker = msg_get_u64(&m);
    u->offered_number.number = msg_get_u64(&m);
    u->announced = msg_get_u64(&m);
    u->offered = get_fd(&m);
    u->in_force = get_fd(&m);
    u->control_held = msg_get_bool(&m);
    u->held = msg_get_u32(&m);
    u->nprocesses = msg_get_u32(&m);
    if (u->nprocesses > UPGRADE_PROCESSES)
        return SP_EPROTO;
    for (uint32_t i = 0; i < u->nprocesses; i++)
        get_process(&m, &u->processes[i]);
    u->nsockets = msg_get_u32(&m);
    if (u->nsockets > INHERITED_MAX)
        return SP_EPROTO;
    for (uint32_t i = 0; i < u->nsockets; i++) {
        u->sockets[i].fd = get_fd(&m);
        msg_get_text(&m, u->sockets[i].name, sizeof(u->sockets[i].name));
    }
    return msg_get_end(&m);
}

static int write_whole(int fd, const uint8_t *data, size_t length)
{
    ssize_t n = write(fd, data, length);

    if (n < 0 || (size_t)n != length || fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        return SP_EIO;
    return 0;
}

int upgrade_state_write(const struct upgrade_state *u, int *memfd)
{
    uint8_t *data = malloc(STATE_BYTES);
    size_t length;
    int fd, r = data == NULL ? SP_ENOMEM : encode(u, data, &length);

    if (r == 0) {
        fd = memfd_create("sallyport-upgrade", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        r = fd < 0 ? SP_EIO : write_whole(fd, data, length);
        if (r != 0 && fd >= 0)
            close(fd);
        else
            *memfd = fd;
    }
    free(data);
    return r;
}

int upgrade_state_read(int memfd, struct upgrade_state *u)
{
    uint8_t *data = malloc(STATE_BYTES);
    ssize_t n = -1;
    int r = SP_EPROTO;

    if (data != NULL && file_check_seals(memfd, SEALS) == 0)
        n = pread(memfd, data, STATE_BYTES, 0);
    if (n > 0)
        r = decode(u, data, (size_t)n);
    free(data);
    return r;
}

static void keep(int fd, bool stays)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, stays ? 0 : FD_CLOEXEC);
}

void upgrade_state_keep(const struct upgrade_state *u, bool stays)
{
    keep(u->offered, stays);
    keep(u->in_force, stays);
    for (uint32_t i = 0; i < u->nprocesses; i++)
        keep(u->processes[i].fd, stays);
    for (uint32_t i = 0; i < u->nsockets; i++)
        keep(u->sockets[i].fd, stays);
}
