/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message channel over a Unix SOCK_SEQPACKET socket, with descriptors
 * passed beside a message (SCM_RIGHTS). One packet is one message
 * (lib/msg.h), at most CHANNEL_MESSAGE_MAX bytes and CHANNEL_FDS_MAX
 * descriptors. Two forms: plain blocking calls for the set-up handshake and a
 * libevent form with a bounded queue for the running process.
 */
#ifndef SP_LIB_CHANNEL_H
#define SP_LIB_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"

#define CHANNEL_MESSAGE_MAX 32768
#define CHANNEL_FDS_MAX     16

struct event_base;
struct channel;

/* Both ends, close-on-exec, non-blocking. SP_EIO. */
int channel_pair(int fds[2]) SP_MUST_USE;

/* Waits at most `timeout_ms` (-1: for ever). The descriptors stay the
 * caller's. SP_EINVAL for an empty message or too many descriptors,
 * SP_ETOOBIG, SP_ECLOSED, SP_ETIMEDOUT, SP_EIO. */
int channel_send_wait(int fd, const void *data, size_t length, const int *fds,
                      size_t nfds, int timeout_ms) SP_MUST_USE;
/* Received descriptors are the caller's, close-on-exec; exactly *nfds of them
 * (in: room in `fds`; more than that is SP_EPROTO and they are closed). A
 * process that can have no more descriptors gets the message without any.
 * SP_ECLOSED, SP_ETIMEDOUT, SP_EPROTO (a cut message), SP_EIO. */
int channel_receive_wait(int fd, void *data, size_t capacity, size_t *length,
                         int *fds, size_t *nfds, int timeout_ms) SP_MUST_USE;

/* Called with each message; takes over the descriptors and must close those
 * it does not keep. It may free the channel. */
typedef void channel_message_fn(void *arg, const uint8_t *data, size_t length,
                                int *fds, size_t nfds);
/* Called once when the peer is gone or broke the protocol; not after
 * channel_free(). */
typedef void channel_closed_fn(void *arg, int error);

/* Takes `fd`: closed with the channel, or at once when the answer is NULL (out
 * of memory). */
struct channel *channel_new(struct event_base *base, int fd,
                            channel_message_fn *on_message,
                            channel_closed_fn *on_closed, void *arg);
void channel_free(struct channel *c);
/* Its descriptor, which stays its own. */
int channel_fd(const struct channel *c);
/* Sends now or queues (at most 1024 messages: SP_EAGAIN). The message is
 * copied; the descriptors are duplicated when queued and stay the caller's.
 * Never calls on_closed itself: SP_ECLOSED here is followed by on_closed from
 * the loop. Also SP_EINVAL, SP_ETOOBIG, SP_ENOMEM, SP_EIO. */
int channel_send(struct channel *c, const void *data, size_t length,
                 const int *fds, size_t nfds) SP_MUST_USE;
/* How many messages wait in the queue. Who sends as often as strangers ask
 * keeps off from CHANNEL_BUSY on: there must be room for what matters more. */
#define CHANNEL_BUSY 512
size_t channel_queued(const struct channel *c);
/* A packet that the other side reads without its owner being told. SP_EAGAIN:
 * something is on its way already. Also SP_ECLOSED, SP_EIO. */
int channel_nudge(struct channel *c) SP_MUST_USE;
/* Whether the other side has something of ours still to read. */
bool channel_unread(const struct channel *c);

#endif
