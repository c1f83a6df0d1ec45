/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (C2SP signed-note v1.0.0) with Ed25519 keys, and their key
 * strings: vkey "name+hash+base64" for verifiers, and for the signer
 * "PRIVATE+KEY+name+hash+base64(seed)". Checkpoint bodies (C2SP
 * tlog-checkpoint v1.0.0) are the only text the ledger's key ever signs.
 */
#ifndef SP_LEDGER_NOTE_H
#define SP_LEDGER_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "ledger/merkle.h"

#define NOTE_NAME_MAX     255
#define NOTE_KEY_TEXT_MAX 400
#define NOTE_MAX          16384 /* C2SP: sixteen signatures, of any kind */

struct note_verifier {
    char name[NOTE_NAME_MAX + 1];
    uint32_t id;
    uint8_t type; /* 0x01 Ed25519; 0x04 is a witness's cosignature key */
    uint8_t key[32];
};

struct note_signer {
    struct note_verifier verifier;
    uint8_t secret[64]; /* libsodium's form; wipe with note_signer_wipe() */
};

int note_signer_generate(const char *name, struct note_signer *s) SP_MUST_USE;
int note_signer_from_seed(const char *name, const uint8_t seed[32],
                          struct note_signer *s) SP_MUST_USE;
int note_signer_parse(const char *text, size_t length,
                      struct note_signer *s) SP_MUST_USE;
int note_signer_format(const struct note_signer *s,
                       char text[NOTE_KEY_TEXT_MAX]) SP_MUST_USE;
void note_signer_wipe(struct note_signer *s);
/* The same for a witness's key (type 0x04), which signs cosignatures only
 * (ledger/cosignature.h): neither kind of key is ever taken for the other. */
int note_witness_from_seed(const char *name, const uint8_t seed[32],
                           struct note_signer *s) SP_MUST_USE;
int note_witness_generate(const char *name, struct note_signer *s) SP_MUST_USE;
int note_witness_parse(const char *text, size_t length,
                       struct note_signer *s) SP_MUST_USE;
int note_verifier_parse(const char *text, size_t length,
                        struct note_verifier *v) SP_MUST_USE;
int note_verifier_format(const struct note_verifier *v,
                         char text[NOTE_KEY_TEXT_MAX]) SP_MUST_USE;

/* text ends in a newline. Writes the whole note with a NUL. SP_ETOOBIG;
 * SP_EUNSUPPORTED: not a key that signs notes. */
int note_sign(const struct note_signer *s, const char *text, char *note,
              size_t size, size_t *length) SP_MUST_USE;

/* Opens a note by one or more known keys. 0 with the text's length (it is the
 * note's first bytes) and how many known signatures verified; SP_EINVAL
 * malformed; SP_ESIGNATURE none known, or a known one fails. */
int note_open(const char *note, size_t length,
              const struct note_verifier *known, size_t nknown,
              size_t *text_length, unsigned *verified) SP_MUST_USE;

/* The first signature line of one key, verified. */
struct note_line {
    const char *text; /* in the note, with its newline */
    size_t length;
    uint64_t time; /* seconds since 1970, of a cosignature; else 0 */
};

/* SP_ENOENT: the key has signed nothing here; SP_ESIGNATURE: it says so, and
 * that fails; SP_EINVAL malformed. */
int note_find(const char *note, size_t length, const struct note_verifier *v,
              struct note_line *found) SP_MUST_USE;

/* Only the syntax, for who has no key: 0 with the text's length, SP_EINVAL. */
int note_text(const char *note, size_t length, size_t *text_length) SP_MUST_USE;

struct checkpoint {
    char origin[NOTE_NAME_MAX + 1];
    uint64_t size; /* ≤ 2^63 - 1 */
    struct hash root;
};

#define CHECKPOINT_BODY_MAX 400
int checkpoint_format(const struct checkpoint *c, char *body, size_t size,
                      size_t *length) SP_MUST_USE;
/* Extension lines are refused (SP_EINVAL). */
int checkpoint_parse(const char *body, size_t length,
                     struct checkpoint *c) SP_MUST_USE;
/* A size or an index: decimal without leading zeros, at most 2^63 - 1.
 * SP_EINVAL. */
int checkpoint_size_parse(const char *text, size_t length,
                          uint64_t *size) SP_MUST_USE;

#endif
