/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor opens once and keeps for as long as the daemon runs, so
 * that a role that is started again finds it as it was: the listening
 * sockets, the control socket, the folders of the ledger and of transcripts.
 */
#ifndef SP_GATEWAY_OPENINGS_H
#define SP_GATEWAY_OPENINGS_H

#include "gateway/inherited.h"
#include "gateway/snapshot.h"

/* The sockets of one listener of the settings. */
struct opening_listener {
    int fds[LIMIT_WORKERS]; /* same address and port */
    size_t count;     /* bound by us: one a worker; handed over: any number */
    bool held;        /* somebody else has them open as well: what waits there
                         when we stop is for who comes after us */
    char address[64]; /* as it is bound, without the port */
    unsigned port;
};

struct openings {
    struct opening_listener listeners[SETTINGS_LISTENERS_MAX];
    size_t nlisteners;
    int control;
    int ledger;
    int transcripts; /* -1: this policy seals nothing */
    int publishing;  /* of the publisher; -1: there is none */
    char *control_path;
    bool control_held;  /* its name is somebody else's to take away */
    int metrics;        /* listens; -1: they are not served */
    char *metrics_path; /* where; NULL: at an address, or its name is somebody
                           else's to take away */
};

/* Opens everything for `workers` workers; makes missing folders. Sockets that
 * are in `in` are taken from there, if they are what the settings say, and all
 * of them must be wanted. SP_EINVAL with the problem, and what to do, in
 * `report`. */
int openings_open(struct openings *o, const struct settings *s,
                  const struct policy *policy, unsigned workers,
                  struct inherited *in, struct report *report) SP_MUST_USE;
/* The program for notices, if there is one, is one, and nobody else may put
 * their words into it: it runs as the daemon does. SP_EINVAL, reported. */
int openings_check_hook(const struct settings *s,
                        struct report *report) SP_MUST_USE;
/* For `-n`: the same questions, nothing bound and nothing made. */
int openings_check(const struct settings *s, const struct policy *policy,
                   struct report *report) SP_MUST_USE;
/* A new file for the transcript of entry `n`, which its owner can do nothing
 * with but append to. One that is there is of an admission that a crash took
 * back, and is moved aside. The descriptor, or SP_ENOENT, SP_ENOSPC, … */
int openings_transcript(const struct openings *o, uint64_t n) SP_MUST_USE;
/* One of the ledger's public files, to be read: `level`, `index` and `width` as
 * in MESSAGE_ASK_LOG_FILE. The descriptor, or SP_ENOENT, SP_ERANGE, SP_EIO. */
int openings_log_file(const struct openings *o, int level, uint64_t index,
                      unsigned width) SP_MUST_USE;
/* openings_listeners.c, for openings_open(): the listeners' sockets, first
 * those that are handed over, then the others. */
int openings_take_listeners(struct openings *o, const struct settings *s,
                            struct inherited *in,
                            struct report *report) SP_MUST_USE;
int openings_open_listeners(struct openings *o, const struct settings *s,
                            unsigned workers,
                            struct report *report) SP_MUST_USE;
/* Which is the n-th socket of a worker, or -1. Each worker has at least one.
 * With fewer sockets than workers some accept from the same one; with more, a
 * worker from all whose number is its own modulo `workers`. */
int openings_socket(const struct opening_listener *l, size_t worker,
                    size_t workers, size_t n);
/* For MESSAGE_STOP: which listeners are held, a bit each. */
uint32_t openings_held(const struct openings *o);
/* A worker that was taken over may have shut its listening sockets down, which
 * we share with it and give to the next one. */
int openings_listen_again(const struct opening_listener *l,
                          size_t i) SP_MUST_USE;
int openings_publish_again(const struct openings *o) SP_MUST_USE;
/* openings_metrics.c, for openings_open() and openings_close(). */
int openings_take_metrics(struct openings *o, const struct settings *s,
                          struct inherited *in,
                          struct report *report) SP_MUST_USE;
int openings_open_metrics(struct openings *o, const struct settings *s,
                          struct report *report) SP_MUST_USE;
void openings_metrics_close(struct openings *o);
/* A control role that was taken over may have shut it down, too. */
int openings_metrics_again(const struct openings *o) SP_MUST_USE;
/* Whether other users can connect to the control socket. */
void openings_share_control(const struct openings *o, bool shared);
/* The listening sockets only: from now on connections are refused. */
void openings_stop_listening(struct openings *o);
/* Also takes the control socket's name away. */
void openings_close(struct openings *o);
/* Another policy: opens the folder of transcripts if it seals some and the one
 * before did not. SP_EINVAL, told in the log. */
int openings_seal(struct openings *o, const struct settings *s,
                  const struct policy *policy) SP_MUST_USE;

#endif
