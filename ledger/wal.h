/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write-ahead file: wal/<first index, 20 digits>, a few MiB each, frames
 * without gaps. A frame is, big-endian:
 *
 *   u32 length   of the entry, 1 … LIMIT_ENTRY_BYTES
 *   u64 index    of the entry
 *   u64 batch    index of the first entry that was written by the same sync:
 *                every entry before it was durable by then
 *   32 bytes     leaf hash, which is the frame's checksum too
 *   the entry
 */
#ifndef SP_LEDGER_WAL_H
#define SP_LEDGER_WAL_H

#include "ledger/merkle.h"

#define WAL_FOLDER        "wal"
#define WAL_HEADER        52
#define WAL_SEGMENT_BYTES (4u << 20)
#define WAL_PATH_MAX      32

struct wal_frame {
    uint64_t index, batch;
    struct hash leaf;
    const uint8_t *entry;
    size_t length;
};

void wal_path(uint64_t first, char path[WAL_PATH_MAX]);

/* Writes WAL_HEADER + f->length bytes. */
void wal_frame_put(const struct wal_frame *f, uint8_t *at);
/* SP_EAGAIN: more bytes are needed; SP_ECORRUPT: cannot be a frame. The leaf
 * hash is not checked: see wal_frame_check(). */
int wal_frame_get(const uint8_t *at, size_t size,
                  struct wal_frame *f) SP_MUST_USE;
/* Whether the leaf hash is the entry's. */
bool wal_frame_check(const struct wal_frame *f);

/* The first indices of all segments, sorted; malloc'd. */
int wal_list(int folder, uint64_t **segments, size_t *count) SP_MUST_USE;

/* Appending; the sync thread's. */
struct wal_writer {
    int folder;       /* borrowed */
    int fd;           /* -1: none yet */
    uint64_t written; /* bytes in this segment */
};

/* Opens segment `first`, which may exist, to append at its end. */
int wal_writer_open(struct wal_writer *w, int folder,
                    uint64_t first) SP_MUST_USE;
void wal_writer_close(struct wal_writer *w);
/* Writes whole frames, the first of them with index `first`, and syncs them.
 * A new segment is begun before them when this one is full. SP_ENOSPC, SP_EIO.
 */
int wal_writer_append(struct wal_writer *w, uint64_t first,
                      const uint8_t *frames, size_t length) SP_MUST_USE;

/* Reading frames in order across segments. */
struct wal_reader {
    int folder; /* borrowed */
    int fd;
    uint64_t segment; /* the open one's first index */
    uint64_t next;    /* index of the next frame */
    uint64_t offset;  /* in the file, of the byte behind the buffer's last */
    uint8_t *buffer;
    size_t start, length;
};

int wal_reader_open(struct wal_reader *r, int folder,
                    uint64_t segment) SP_MUST_USE;
void wal_reader_close(struct wal_reader *r);
/* The next frame, which must be there; its entry is good until the next call.
 * Goes on to the next segment by itself. Hashes are not checked. SP_ECORRUPT.
 */
int wal_reader_next(struct wal_reader *r, struct wal_frame *f) SP_MUST_USE;

#endif
