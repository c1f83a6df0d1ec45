/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that can die at any call, and forget what was not synced, for tests
 * of what a crash leaves. It stands in front of the C library's calls, lets
 * them through to a real folder, and keeps beside it what a disk would have:
 * of each file what was there at its last sync, of each folder its names at
 * its last sync, and all that was done since.
 *
 * It promises the ledger no more than POSIX does. After a loss of power what
 * was not synced is there whole, in part, in any order, or not at all: file
 * systems that keep an order are the kinder case. What a failed sync was about
 * is lost although it can still be read, and no later sync brings it back.
 *
 * One folder at a time; its links, modes and times are not kept.
 */
#ifndef SP_TESTS_LEDGER_DISK_H
#define SP_TESTS_LEDGER_DISK_H

#include <stdbool.h>
#include <stdint.h>

enum disk_call {
    DISK_MAKE, /* open with O_CREAT, of what is not there or is cut to nothing
                */
    DISK_WRITE,
    DISK_CHMOD,
    DISK_SYNC, /* of a file */
    DISK_RENAME,
    DISK_NAMED, /* sync of a folder; the path is the name changed last in it */
    DISK_MKDIR,
    DISK_UNLINK, /* of a file, also of one that is not there */
    DISK_RMDIR,
    DISK_READ,
    DISK_CALLS
};

enum disk_fault {
    DISK_FINE,
    DISK_DIE_BEFORE,
    DISK_DIE_AFTER,
    DISK_DIE_TORN, /* part of what is written arrives */
    DISK_EIO,
    DISK_ENOSPC,
    DISK_FLIP, /* says that all is well, but stores one bit wrong */
    DISK_FAULTS
};

struct disk_event {
    enum disk_call call;
    const char *path; /* in the folder; "…/" where a folder had no changes */
    bool of_folder;   /* DISK_NAMED: what was changed is a folder */
};

/* Both are called on the thread that makes the call, one at a time, and what
 * they do themselves is not counted. */
struct disk_watcher {
    enum disk_fault (*before)(const struct disk_event *e);
    void (*after)(const struct disk_event *e);
};

/* Stands in front of this empty folder, from now on. */
void disk_attach(int folder, const struct disk_watcher *w, uint64_t seed);
void disk_detach(void);

/* From a death on nothing reaches the disk, and every call that would change
 * it fails: the process need not be killed. */
bool disk_is_dead(void);
/* The next process: it sees all that was written, synced or not. */
void disk_revive(void);
/* The next machine: it sees what the disk has. Nobody has it open. All that
 * was not synced is gone, or chance says how much of it. */
void disk_lose_power(bool all);
/* Whether the real folder is what was kept of it; else where it is not. */
const char *disk_compare(void);

uint64_t disk_random(uint64_t *state);

#endif
