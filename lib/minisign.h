/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detached signatures in minisign's format (Ed25519; jedisct1.github.io/
 * minisign): keys, signature files, secret keys with and without a password.
 * What this file writes the program minisign reads, and the other way round;
 * what is read is read strictly, for signature files come from anybody.
 *
 *   public key       base64("Ed" ‖ id[8] ‖ key[32]), "RW…"
 *   signature file   untrusted comment: …
 *                    base64("ED" or "Ed" ‖ id[8] ‖ signature[64])
 *                    trusted comment: …
 *                    base64(signature[64] over signature ‖ trusted comment)
 *   secret key       untrusted comment: …
 *                    base64("Ed" ‖ "Sc" or 0 0 ‖ "B2" ‖ salt[32] ‖ ops[8] ‖
 *                    memory[8] ‖ (id[8] ‖ secret[64] ‖ checksum[32]) ⊕ stream)
 *
 * "ED" signs the BLAKE2b-512 hash of the data, "Ed" the data (legacy).
 */
#ifndef SP_LIB_MINISIGN_H
#define SP_LIB_MINISIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* All with the NUL. */
#define MINISIGN_KEY_TEXT    57
#define MINISIGN_ID_TEXT     17
#define MINISIGN_COMMENT_MAX 1024 /* untrusted; as minisign bounds both */
#define MINISIGN_TRUSTED_MAX 8192
#define MINISIGN_SECRET_TEXT 512
/* Of a signature file, in bytes. */
#define MINISIGN_FILE_MAX     (MINISIGN_COMMENT_MAX + MINISIGN_TRUSTED_MAX + 256)
#define MINISIGN_PASSWORD_MAX 1024

struct minisign_key {
    uint8_t id[8]; /* as in the file: printed from the last byte to the first */
    uint8_t key[32];
};

/* Wipe it. */
struct minisign_secret {
    uint8_t id[8];
    uint8_t secret[64]; /* seed ‖ public key */
};

struct minisign_signature {
    bool prehashed;
    uint8_t id[8];
    uint8_t signature[64];
    uint8_t global[64];
    char trusted[MINISIGN_TRUSTED_MAX]; /* without its prefix and newline */
};

/* "RW…", alone or as the second line of a public key file. SP_EINVAL. */
int minisign_key_parse(const char *text, size_t length,
                       struct minisign_key *key) SP_MUST_USE;
void minisign_key_format(const struct minisign_key *key,
                         char text[MINISIGN_KEY_TEXT]);

/* 16 hexadecimal digits, as minisign prints them; either case is read. */
void minisign_id_format(const uint8_t id[8], char text[MINISIGN_ID_TEXT]);
/* SP_EINVAL: not 16 digits with nothing behind. */
int minisign_id_parse(const char *text, uint8_t id[8]) SP_MUST_USE;

/* A whole signature file: four lines, each ended by one newline (the last one
 * may lack it), canonical base64, comments in UTF-8 without control characters
 * but the tab. Says nothing about whether it verifies. SP_EINVAL, SP_ETOOBIG.
 */
int minisign_signature_parse(const char *text, size_t length,
                             struct minisign_signature *s) SP_MUST_USE;

/* Both signatures, the one of the data first. SP_ENOENT: of another key's id;
 * SP_ESIGNATURE. */
int minisign_verify(const struct minisign_key *key,
                    const struct minisign_signature *s, const void *data,
                    size_t length) SP_MUST_USE;

/* A new key pair. SP_ECRYPTO. */
int minisign_generate(struct minisign_secret *secret) SP_MUST_USE;
void minisign_public(const struct minisign_secret *secret,
                     struct minisign_key *key);
void minisign_secret_wipe(struct minisign_secret *secret);

/* Prehashed. `trusted` is one line as minisign_signature_parse() takes it.
 * SP_EINVAL, SP_ETOOBIG. */
int minisign_sign(const struct minisign_secret *secret, const void *data,
                  size_t length, const char *trusted,
                  char text[MINISIGN_FILE_MAX]) SP_MUST_USE;

/* Whether a secret key file asks for a password. SP_EINVAL: it is none. */
int minisign_secret_needs_password(const char *text, size_t length,
                                   bool *needs) SP_MUST_USE;
/* `password` is NULL for a key without. SP_EINVAL malformed, or a kind of key
 * or a cost that is not supported; SP_EPERM wrong password (or a changed
 * file); SP_ENOMEM the password's scrypt needs more memory (up to 1 GiB). */
int minisign_secret_parse(const char *text, size_t length, const char *password,
                          struct minisign_secret *secret) SP_MUST_USE;

/* What guessing a password costs: scrypt's limits as libsodium counts them. */
struct minisign_cost {
    uint64_t operations, memory;
};
extern const struct minisign_cost minisign_cost_default; /* seconds, 1 GiB */

/* Both lines of a secret key file; the text is a secret too. `password` NULL:
 * none, and `cost` is not looked at. SP_ENOMEM, SP_EINVAL (the cost). */
int minisign_secret_format(const struct minisign_secret *secret,
                           const char *password,
                           const struct minisign_cost *cost,
                           char text[MINISIGN_SECRET_TEXT]) SP_MUST_USE;

#endif
