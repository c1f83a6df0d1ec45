/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cosignatures. Made by `sallyport log witness`, verified in the keeper and in
 * the tools. What a witness answers is a stranger's text until its signature
 * says otherwise.
 */
#include "ledger/cosignature.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TYPE_COSIGNATURE 0x04

#define BLOB_BYTES (4 + 8 + crypto_sign_BYTES)

/* Big-endian, as the format has it. */
static void number_put(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

int cosignature_make(const struct note_signer *witness, const char *body,
                     size_t body_length, uint64_t time,
                     char line[COSIGNATURE_LINE_MAX], size_t *length)
{
    char message[NOTE_MAX + 64];
    uint8_t blob[BLOB_BYTES];
    char base64[sodium_base64_ENCODED_LEN(BLOB_BYTES,
                                          sodium_base64_VARIANT_ORIGINAL)];

    if (witness->verifier.type != TYPE_COSIGNATURE)
        return SP_EUNSUPPORTED;
    if (time > INT64_MAX)
        return SP_ERANGE;
    if (body_length == 0 || body_length > NOTE_MAX ||
        body[body_length - 1] != '\n' ||
        memchr(body, '\0', body_length) != NULL)
        return SP_EINVAL;
    int n = snprintf(message, sizeof message, "cosignature/v1\ntime %llu\n%.*s",
                     (unsigned long long)time, (int)body_length, body);
    number_put(blob, witness->verifier.id, 4);
    number_put(blob + 4, time, 8);
    if (crypto_sign_detached(blob + 12, NULL, (const uint8_t *)message,
                             (unsigned)n, witness->secret) != 0)
        return SP_ECRYPTO;
    sodium_bin2base64(base64, sizeof base64, blob, sizeof blob,
                      sodium_base64_VARIANT_ORIGINAL);
    *length =
        (size_t)snprintf(line, COSIGNATURE_LINE_MAX, "\xe2\x80\x94 %s %s\n",
                         witness->verifier.name, base64);
    return 0;
}

int cosignature_count(const char *note, size_t length,
                      const struct note_verifier *known, size_t nknown,
                      uint64_t *times, unsigned *count)
{
    struct note_line line;

    *count = 0;
    for (size_t i = 0; i < nknown; i++) {
        int r = known[i].type == TYPE_COSIGNATURE
                    ? note_find(note, length, &known[i], &line)
                    : SP_EUNSUPPORTED;
        if (r != 0 && r != SP_ENOENT)
            return r;
        if (times != NULL)
            times[i] = r == 0 ? line.time : UINT64_MAX;
        *count += r == 0;
    }
    return 0;
}

/* The note's text with `lines` as its only signatures. */
static int note_with_lines(const char *note, size_t length, const char *lines,
                           size_t lines_length, char out[NOTE_MAX + 1],
                           size_t *out_length)
{
    size_t text;
    int r = note_text(note, length, &text);

    if (r != 0)
        return r;
    if (lines_length == 0 || memchr(lines, '\0', lines_length) != NULL)
        return SP_EINVAL;
    if (lines_length > NOTE_MAX || text + 1 + lines_length > NOTE_MAX)
        return SP_ETOOBIG;
    /* Lines that begin with an empty one would move where the text ends. */
    if (lines[0] == '\n')
        return SP_EINVAL;
    memcpy(out, note, text + 1);
    memcpy(out + text + 1, lines, lines_length);
    *out_length = text + 1 + lines_length;
    size_t again;
    r = note_text(out, *out_length, &again);
    return r != 0 ? r : again == text ? 0 : SP_EINVAL;
}

int cosignature_append(char *note, size_t size, size_t *length,
                       const char *lines, size_t lines_length,
                       const struct note_verifier *known, size_t nknown,
                       unsigned *added)
{
    char answer[NOTE_MAX + 1], whole[NOTE_MAX];
    size_t answer_length, n = *length;
    struct note_line line, there;

    *added = 0;
    int r =
        note_with_lines(note, n, lines, lines_length, answer, &answer_length);
    if (r != 0)
        return r;
    if (n > sizeof whole)
        return SP_ETOOBIG;
    memcpy(whole, note, n);
    unsigned count = 0;
    for (size_t i = 0; i < nknown; i++) {
        r = note_find(answer, answer_length, &known[i], &line);
        if (r == SP_ENOENT ||
            (r == 0 && note_find(note, *length, &known[i], &there) == 0))
            continue;
        if (r != 0)
            return r;
        if (line.length > sizeof whole - n || n + line.length > size)
            return SP_ETOOBIG;
        memcpy(whole + n, line.text, line.length);
        n += line.length;
        count++;
    }
    memcpy(note, whole, n);
    *length = n;
    *added = count;
    return 0;
}
