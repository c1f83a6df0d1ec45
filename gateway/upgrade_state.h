/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a supervisor leaves to the program that takes its place (same process,
 * exec): who runs, over which channel, which sockets are open, how far it had
 * counted. In a sealed memfd whose number is in the environment; descriptors
 * in it are those of the process. Written and read by the supervisor alone.
 */
#ifndef SP_GATEWAY_UPGRADE_STATE_H
#define SP_GATEWAY_UPGRADE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/inherited.h"
#include "gateway/processes.h"

/* What runs on across an upgrade speaks with what comes: workers with the next
 * keeper, everybody with the next supervisor. This number changes with any
 * message that they exchange; a program with another one takes a restart. */
#define UPGRADE_MESSAGES 1

#define UPGRADE_VARIABLE "SALLYPORT_UPGRADE"

/* A role process that runs. */
struct upgrade_process {
    uint32_t role, index;
    int32_t pid;
    int fd; /* its channel */
    uint64_t generation;
    bool linked;
    uint64_t link;
};

#define UPGRADE_PROCESSES (LIMIT_WORKERS + 16)

struct upgrade_socket {
    int fd;
    char name[16]; /* as of gateway/inherited.h */
};

struct upgrade_state {
    int64_t started;
    uint8_t digest[32]; /* of the snapshot in force */
    uint64_t links, rules, rule_numbers, reloads;
    struct revocations_number offered_number;
    uint64_t announced;
    int offered, in_force; /* -1: none; perhaps one descriptor */
    bool control_held;
    uint32_t held; /* listeners, a bit each */
    uint32_t nprocesses;
    struct upgrade_process processes[UPGRADE_PROCESSES];
    uint32_t nsockets;
    struct upgrade_socket sockets[INHERITED_MAX];
};

/* A sealed memfd, close-on-exec. SP_EIO, SP_ENOMEM. */
int upgrade_state_write(const struct upgrade_state *u, int *memfd) SP_MUST_USE;
/* SP_EPROTO. */
int upgrade_state_read(int memfd, struct upgrade_state *u) SP_MUST_USE;

/* Whether descriptors outlive an exec. */
void upgrade_state_keep(const struct upgrade_state *u, bool keep);

#endif
