/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a sealed transcript: the head is read or refused. Then as the
 * chunks that a writer with the right key could have written: what is taken is
 * within what was sealed.
 */
#include <stdlib.h>
#include <string.h>

#include "ledger/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct transcript_recipient to = {.count = 1};
static struct transcript_keys keys = {.count = 1};

static void open_any(const uint8_t *data, size_t size, size_t most)
{
    struct transcript_head head;
    struct transcript t = {0};
    const char *problem;
    uint64_t chunk;

    if (transcript_head_read(&head, data, size, &problem) != 0)
        return;
    if (transcript_open(&t, &head, data, size, &keys, &chunk, &problem) == 0 &&
        (t.asked_length > most || t.answered_length > most))
        abort();
    transcript_release(&t);
}

/* Each chunk: its type, a length, so many bytes. */
static void seal_any(const uint8_t *data, size_t size)
{
    static uint8_t file[1 << 20];
    struct transcript_writer w;
    size_t length = 0, sealed = 0;

    if (transcript_begin(&w, "fuzz", 1, &to, 1, file, &length) != 0)
        abort();
    while (size > 2 && length + 2 * TRANSCRIPT_CHUNK_MAX < sizeof(file)) {
        size_t piece = data[1] < size - 2 ? data[1] : size - 2;

        length += transcript_chunk(&w, (enum transcript_part)(data[0] % 8),
                                   data + 2, piece, file + length);
        sealed += piece;
        data += 2 + piece;
        size -= 2 + piece;
    }
    if (size == 1)
        transcript_wipe(&w);
    else {
        uint8_t sha256[32];

        length += transcript_end(&w, file + length, sha256);
    }
    open_any(file, length, sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;

    if (!made && (sodium_init() < 0 ||
                  crypto_box_keypair(to.keys[0], keys.secrets[0]) != 0))
        abort();
    made = true;
    open_any(data, size, size);
    seal_any(data, size);
    return 0;
}
