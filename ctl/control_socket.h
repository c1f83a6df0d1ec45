/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of a deployment's running daemon. */
#ifndef SP_CTL_CONTROL_SOCKET_H
#define SP_CTL_CONTROL_SOCKET_H

#include "gateway/control_messages.h"
#include "lib/error.h"

/* Connects to the daemon whose control socket is `path`; the descriptor is the
 * caller's. Tells nothing. SP_ECLOSED: no daemon listens there; SP_ETOOBIG: a
 * socket cannot have such a path; SP_EPERM: not for this user; SP_ETIMEDOUT: it
 * does not accept within 10 s; SP_EIO. */
int control_connect_path(const char *path, int *fd) SP_MUST_USE;
/* Connects to the daemon of the deployment in `dir` (or with the configuration
 * file `dir`, or the socket `dir`); the descriptor is the caller's. After an
 * error it has been told on stderr, under the verb's name. */
int control_connect(const char *verb, const char *dir, int *fd) SP_MUST_USE;
/* Sends `*length` bytes of `data` and takes the answer into its place, each
 * within the time that a daemon has. As channel_receive_wait(). */
int control_exchange(int fd, uint8_t *data, size_t capacity,
                     size_t *length) SP_MUST_USE;
/* Gives an order and waits for its answer, which comes when the entry is on
 * disk. What is in *a is checked as far as the format goes: a->error may still
 * say that it was refused. SP_ETIMEDOUT, SP_ECLOSED, SP_EPROTO, SP_EIO. */
int control_order(int fd, const struct order *order,
                  struct order_answer *a) SP_MUST_USE;
/* As control_connect(), without a word if no daemon is there or its socket is
 * not for this user: SP_ECLOSED, SP_EPERM. */
int control_connect_quiet(const char *verb, const char *dir,
                          int *fd) SP_MUST_USE;
/* The same with the deployment in `dir`, and told on stderr if nothing comes
 * back. 0: it was answered, which may be a refusal (a->error). */
int control_give(const char *verb, const char *dir, const struct order *order,
                 struct order_answer *a) SP_MUST_USE;
/* Copies a text of an order, at least `first` (a character) to '~' each: what
 * the daemon would close the connection for is told here. NULL, or what is
 * wrong. */
const char *control_text_take(char *to, size_t size, const char *text,
                              int first);
/* Tells that nothing, or nothing sensible, came back. */
void control_no_answer(const char *verb, const char *where, int error);

#endif
