/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets and descriptors between role processes. Used by all of them; the
 * other side may be a process that was taken over, so a packet that was cut, or
 * that brings more descriptors than were asked for, closes everything it
 * brought and is a broken protocol. What is in a packet is not looked at here.
 */
#include "lib/channel.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"

#define QUEUE_MAX 1024 /* messages that wait for a slow reader */
#define BURST_MAX 32   /* messages read before others have their turn */

/* A message has two bytes for its type alone. */
static const uint8_t nudge[] = {0};

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
};

int channel_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   fds) != 0)
        return sp_error_from_errno();
    return 0;
}

static void fds_close(const int *fds, size_t nfds)
{
    for (size_t i = 0; i < nfds; i++)
        (void)close(fds[i]);
}

/* One packet out and in, without waiting --------------------------------- */

static void attach_fds(struct msghdr *mh, union control *control,
                       const int *fds, size_t nfds)
{
    struct cmsghdr *cm = &control->align;

    memset(control, 0, sizeof(*control));
    mh->msg_control = control->bytes;
    mh->msg_controllen = CMSG_SPACE(nfds * sizeof(int));
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
    memcpy(CMSG_DATA(cm), fds, nfds * sizeof(int));
}

static int packet_check(size_t length, size_t nfds)
{
    if (length == 0 || nfds > CHANNEL_FDS_MAX)
        return SP_EINVAL;
    return length > CHANNEL_MESSAGE_MAX ? SP_ETOOBIG : 0;
}

static int packet_send(int fd, const void *data, size_t length, const int *fds,
                       size_t nfds)
{
    struct iovec iov = {.iov_len = length};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    union control control;
    ssize_t n;

    memcpy(&iov.iov_base, &data, sizeof(data)); /* sendmsg() only reads it */
    if (nfds > 0)
        attach_fds(&mh, &control, fds, nfds);
    do
        n = sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return 0;
    return errno == ENOTCONN ? SP_ECLOSED : sp_error_from_errno();
}

/* Some were sent, and the kernel could not give us as many: we have the most
 * that we may have. More than any message has is another matter. */
static bool fds_missing(const struct msghdr *mh, size_t count)
{
    return (mh->msg_flags & MSG_CTRUNC) != 0 && count < CHANNEL_FDS_MAX;
}

/* Takes the descriptors out of the control data; SP_EPROTO (and all of them
 * closed) if there are more than `room`. */
static int detach_fds(struct msghdr *mh, int *fds, size_t room, size_t *nfds)
{
    int received[CHANNEL_FDS_MAX];
    size_t count = 0;
    bool missing;

    for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm != NULL;
         cm = CMSG_NXTHDR(mh, cm)) {
        size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
            continue;
        /* The control buffer holds no more than this. */
        if (n > CHANNEL_FDS_MAX - count)
            n = CHANNEL_FDS_MAX - count;
        memcpy(received + count, CMSG_DATA(cm), n * sizeof(int));
        count += n;
    }
    missing = fds_missing(mh, count);
    if (count > room || (mh->msg_flags & MSG_TRUNC) != 0 ||
        ((mh->msg_flags & MSG_CTRUNC) != 0 && !missing)) {
        fds_close(received, count);
        return SP_EPROTO;
    }
    if (missing) {
        fds_close(received, count);
        count = 0;
    }
    if (count > 0)
        memcpy(fds, received, count * sizeof(int));
    *nfds = count;
    return 0;
}

/* SP_EAGAIN: nothing there. */
static int packet_receive(int fd, void *data, size_t capacity, size_t *length,
                          int *fds, size_t *nfds)
{
    struct iovec iov = {.iov_base = data, .iov_len = capacity};
    union control control;
    struct msghdr mh = {.msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof(control.bytes)};
    size_t room = *nfds;
    ssize_t n;
    int error;

    *nfds = 0;
    do
        n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sp_error_from_errno();
    error = detach_fds(&mh, fds, room, nfds);
    if (error != 0)
        return error;
    if (n == 0) { /* the end; an empty packet would be no message either */
        fds_close(fds, *nfds);
        *nfds = 0;
        return SP_ECLOSED;
    }
    *length = (size_t)n;
    return 0;
}

/* Waiting calls ---------------------------------------------------------- */

static int wait_until(int fd, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int64_t left = deadline < 0 ? -1 : deadline - clock_boot_ms();
        int n;

        if (deadline >= 0 && left < 0)
            left = 0;
        n = poll(&p, 1, (int)left);
        if (n > 0)
            return 0;
        if (n == 0)
            return SP_ETIMEDOUT;
        if (errno != EINTR)
            return sp_error_from_errno();
    }
}

static int64_t deadline_after(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : clock_boot_ms() + timeout_ms;
}

int channel_send_wait(int fd, const void *data, size_t length, const int *fds,
                      size_t nfds, int timeout_ms)
{
    int64_t deadline = deadline_after(timeout_ms);
    int error = packet_check(length, nfds);

    if (error != 0)
        return error;
    for (;;) {
        error = packet_send(fd, data, length, fds, nfds);
        if (error != SP_EAGAIN)
            return error;
        error = wait_until(fd, POLLOUT, deadline);
        if (error != 0)
            return error;
    }
}

int channel_receive_wait(int fd, void *data, size_t capacity, size_t *length,
                         int *fds, size_t *nfds, int timeout_ms)
{
    int64_t deadline = deadline_after(timeout_ms);
    size_t room = *nfds;
    int error;

    for (;;) {
        *nfds = room;
        error = packet_receive(fd, data, capacity, length, fds, nfds);
        if (error != SP_EAGAIN)
            return error;
        error = wait_until(fd, POLLIN, deadline);
        if (error != 0)
            return error;
    }
}

/* In the event loop ------------------------------------------------------ */

struct pending {
    STAILQ_ENTRY(pending) entry;
    size_t length;
    size_t nfds;
    int fds[CHANNEL_FDS_MAX];
    uint8_t data[];
};

enum channel_state {
    CHANNEL_OPEN,
    CHANNEL_CLOSED, /* on_closed was called */
    CHANNEL_FREED   /* within one of our callbacks: freed when it returns */
};

struct channel {
    enum channel_state state;
    bool calling;    /* one of our callbacks runs */
    bool unwritable; /* the peer takes no more: closed when all is read */
    int fd;
    struct event *readable;
    struct event *writable;
    STAILQ_HEAD(pending_list, pending) queue;
    size_t queued;
    channel_message_fn *on_message;
    channel_closed_fn *on_closed;
    void *arg;
};

static void pending_drop_first(struct channel *c)
{
    struct pending *p = STAILQ_FIRST(&c->queue);

    STAILQ_REMOVE_HEAD(&c->queue, entry);
    c->queued--;
    fds_close(p->fds, p->nfds);
    free(p);
}

static void channel_destroy(struct channel *c)
{
    while (!STAILQ_EMPTY(&c->queue))
        pending_drop_first(c);
    if (c->readable != NULL)
        event_free(c->readable);
    if (c->writable != NULL)
        event_free(c->writable);
    (void)close(c->fd);
    free(c);
}

/* The end of a callback of ours; false if it freed the channel. */
static bool channel_called(struct channel *c)
{
    c->calling = false;
    if (c->state != CHANNEL_FREED)
        return true;
    channel_destroy(c);
    return false;
}

static void channel_close(struct channel *c, int error)
{
    c->state = CHANNEL_CLOSED;
    (void)event_del(c->readable);
    (void)event_del(c->writable);
    c->calling = true;
    c->on_closed(c->arg, error);
    (void)channel_called(c);
}

static void channel_readable(evutil_socket_t fd, short what, void *arg)
{
    struct channel *c = arg;
    uint8_t data[CHANNEL_MESSAGE_MAX];

    (void)fd;
    (void)what;
    for (int i = 0; i < BURST_MAX; i++) {
        int fds[CHANNEL_FDS_MAX];
        size_t nfds = CHANNEL_FDS_MAX, length;
        int error =
            packet_receive(c->fd, data, sizeof(data), &length, fds, &nfds);

        if (error == SP_EAGAIN && !c->unwritable)
            return;
        if (error != 0) {
            channel_close(c, error == SP_EAGAIN ? SP_ECLOSED : error);
            return;
        }
        if (length == sizeof(nudge) && data[0] == nudge[0] && nfds == 0)
            continue;
        c->calling = true;
        c->on_message(c->arg, data, length, fds, nfds);
        if (!channel_called(c))
            return;
    }
    if (c->unwritable)
        event_active(c->readable, EV_READ, 0);
}

/* The peer reads no more. What it still sent is read first, and the loop then
 * tells the owner: a sender is never called back. */
static void channel_unwritable(struct channel *c)
{
    c->unwritable = true;
    while (!STAILQ_EMPTY(&c->queue))
        pending_drop_first(c);
    (void)event_del(c->writable);
    event_active(c->readable, EV_READ, 0);
}

static void channel_writable(evutil_socket_t fd, short what, void *arg)
{
    struct channel *c = arg;

    (void)fd;
    (void)what;
    while (!STAILQ_EMPTY(&c->queue)) {
        struct pending *p = STAILQ_FIRST(&c->queue);
        int error = packet_send(c->fd, p->data, p->length, p->fds, p->nfds);

        if (error == SP_EAGAIN)
            return;
        if (error != 0) {
            channel_unwritable(c);
            return;
        }
        pending_drop_first(c);
    }
    (void)event_del(c->writable);
}

struct channel *channel_new(struct event_base *base, int fd,
                            channel_message_fn *on_message,
                            channel_closed_fn *on_closed, void *arg)
{
    struct channel *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        (void)close(fd);
        return NULL;
    }
    c->fd = fd;
    c->on_message = on_message;
    c->on_closed = on_closed;
    c->arg = arg;
    STAILQ_INIT(&c->queue);
    c->readable =
        event_new(base, fd, EV_READ | EV_PERSIST, channel_readable, c);
    c->writable =
        event_new(base, fd, EV_WRITE | EV_PERSIST, channel_writable, c);
    if (c->readable == NULL || c->writable == NULL ||
        event_add(c->readable, NULL) != 0) {
        channel_destroy(c);
        return NULL;
    }
    return c;
}

void channel_free(struct channel *c)
{
    if (c == NULL)
        return;
    if (!c->calling) {
        channel_destroy(c);
        return;
    }
    c->state = CHANNEL_FREED;
    (void)event_del(c->readable);
    (void)event_del(c->writable);
}

static int pending_copy_fds(struct pending *p, const int *fds, size_t nfds)
{
    for (size_t i = 0; i < nfds; i++) {
        p->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (p->fds[i] < 0) {
            int error = sp_error_from_errno();

            fds_close(p->fds, i);
            return error;
        }
    }
    p->nfds = nfds;
    return 0;
}

static int channel_queue(struct channel *c, const void *data, size_t length,
                         const int *fds, size_t nfds)
{
    struct pending *p;
    int error;

    if (c->queued >= QUEUE_MAX)
        return SP_EAGAIN;
    p = calloc(1, sizeof(*p) + length);
    if (p == NULL)
        return SP_ENOMEM;
    memcpy(p->data, data, length);
    p->length = length;
    error = pending_copy_fds(p, fds, nfds);
    if (error == 0 && event_add(c->writable, NULL) != 0) {
        fds_close(p->fds, p->nfds);
        error = SP_ENOMEM;
    }
    if (error != 0) {
        free(p);
        return error;
    }
    STAILQ_INSERT_TAIL(&c->queue, p, entry);
    c->queued++;
    return 0;
}

int channel_send(struct channel *c, const void *data, size_t length,
                 const int *fds, size_t nfds)
{
    int error = packet_check(length, nfds);

    if (error != 0)
        return error;
    if (c->state != CHANNEL_OPEN || c->unwritable)
        return SP_ECLOSED;
    if (c->queued == 0) {
        error = packet_send(c->fd, data, length, fds, nfds);
        if (error == SP_ECLOSED)
            channel_unwritable(c);
        if (error != SP_EAGAIN)
            return error;
    }
    return channel_queue(c, data, length, fds, nfds);
}

int channel_fd(const struct channel *c)
{
    return c->fd;
}

size_t channel_queued(const struct channel *c)
{
    return c->queued;
}

int channel_nudge(struct channel *c)
{
    if (c->state != CHANNEL_OPEN || c->unwritable)
        return SP_ECLOSED;
    return c->queued > 0 ? SP_EAGAIN
                         : packet_send(c->fd, nudge, sizeof(nudge), NULL, 0);
}

/* What was sent over a Unix socket counts as out until it is read. */
bool channel_unread(const struct channel *c)
{
    int bytes = 0;

    return c->queued > 0 || (ioctl(c->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0);
}
