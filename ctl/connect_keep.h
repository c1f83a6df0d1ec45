/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With --keep DIR: what was asked and answered, byte for byte, in two files for
 * each receipt with a salt, DIR/N.asked and DIR/N.answered, mode 0600. They are
 * what `sallyport log open-commitment` takes. Nothing is kept without it (P7).
 */
#ifndef SP_CTL_CONNECT_KEEP_H
#define SP_CTL_CONNECT_KEEP_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed at first; keep_end() closes what is open. */
struct keep {
    int asked, answered; /* descriptors, or 0 */
};

/* Opens the folder, or makes it, mode 0700. EXIT_HOLDS or the exit status,
 * told; *folder is its descriptor. */
int keep_folder(const char *path, int *folder);

/* `folder` -1: nothing is kept. */
void keep_begin(struct keep *k, int folder, uint64_t n);
void keep_asked(struct keep *k, const void *data, size_t length);
void keep_answered(struct keep *k, const void *data, size_t length);
void keep_end(struct keep *k);

#endif
