/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Minisign's files. Verifying runs in the supervisor, the keeper and the
 * command; signing in the command alone, so that no process of the daemon
 * ever has an approver's secret. Signature files are not trusted with
 * anything; secret key files are their owner's.
 */
#include "lib/minisign.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/utf8.h"

#define UNTRUSTED "untrusted comment: "
#define TRUSTED   "trusted comment: "

#define KEY_BYTES       42
#define SIGNATURE_BYTES 74
#define GLOBAL_BYTES    64
#define SECRET_BYTES    158
#define SEALED_BYTES    104 /* of them: id, secret, checksum */
#define SEALED_AT       54
#define BASE64_MAX      216 /* of the longest, with the NUL */

const struct minisign_cost minisign_cost_default = {
    crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE,
    crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE,
};

/* A text that is read line by line. */
struct lines {
    const char *at;
    size_t left;
};

/* The next line without its newline; false if there is none. */
static bool line_next(struct lines *l, const char **line, size_t *length)
{
    const char *end = memchr(l->at, '\n', l->left);

    if (l->left == 0)
        return false;
    *line = l->at;
    *length = end == NULL ? l->left : (size_t)(end - l->at);
    l->at += *length + (end != NULL);
    l->left -= *length + (end != NULL);
    return true;
}

/* Exactly `size` bytes: one signature has one spelling. */
static int base64_read(const char *text, size_t length, uint8_t *out,
                       size_t size)
{
    size_t n = 0;
    int r = base64_decode(text, length, out, size, &n);

    return r == 0 && n != size ? SP_EINVAL : r;
}

/* They are shown and logged: text, and no characters that move the cursor. */
static bool comment_is_good(const char *text, size_t length)
{
    const uint8_t *p = (const uint8_t *)text;

    for (size_t i = 0, n; i < length; i += n) {
        n = utf8_length(p + i, length - i);
        if (n == 0 || (p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
            return false;
    }
    return true;
}

/* What stands behind `prefix` in the next line. */
static int comment_read(struct lines *l, const char *prefix, size_t max,
                        const char **comment, size_t *length)
{
    size_t n = strlen(prefix);

    if (!line_next(l, comment, length) || *length < n ||
        memcmp(*comment, prefix, n) != 0)
        return SP_EINVAL;
    *comment += n;
    *length -= n;
    if (*length >= max)
        return SP_ETOOBIG;
    return comment_is_good(*comment, *length) ? 0 : SP_EINVAL;
}

static int value_read(struct lines *l, uint8_t *out, size_t size)
{
    const char *line;
    size_t length;

    if (!line_next(l, &line, &length))
        return SP_EINVAL;
    return base64_read(line, length, out, size);
}

/* --- Public keys --- */

int minisign_key_parse(const char *text, size_t length,
                       struct minisign_key *key)
{
    struct lines l = {text, length};
    uint8_t bytes[KEY_BYTES];
    const char *comment;
    size_t n;
    int r = 0;

    if (length >= 9 && memcmp(text, UNTRUSTED, 9) == 0)
        r = comment_read(&l, UNTRUSTED, MINISIGN_COMMENT_MAX, &comment, &n);
    if (r != 0 || (r = value_read(&l, bytes, sizeof bytes)) != 0)
        return r;
    if (l.left != 0 || memcmp(bytes, "Ed", 2) != 0)
        return SP_EINVAL;
    memcpy(key->id, bytes + 2, sizeof key->id);
    memcpy(key->key, bytes + 10, sizeof key->key);
    return 0;
}

void minisign_key_format(const struct minisign_key *key,
                         char text[MINISIGN_KEY_TEXT])
{
    uint8_t bytes[KEY_BYTES] = "Ed";

    memcpy(bytes + 2, key->id, sizeof key->id);
    memcpy(bytes + 10, key->key, sizeof key->key);
    sodium_bin2base64(text, MINISIGN_KEY_TEXT, bytes, sizeof bytes,
                      sodium_base64_VARIANT_ORIGINAL);
}

void minisign_id_format(const uint8_t id[8], char text[MINISIGN_ID_TEXT])
{
    for (size_t i = 0; i < 8; i++)
        snprintf(text + 2 * i, 3, "%02X", id[7 - i]);
}

int minisign_id_parse(const char *text, uint8_t id[8])
{
    uint8_t bytes[8];
    size_t n = 0;

    if (strlen(text) != 16 ||
        sodium_hex2bin(bytes, sizeof bytes, text, 16, NULL, &n, NULL) != 0 ||
        n != sizeof bytes)
        return SP_EINVAL;
    for (size_t i = 0; i < 8; i++)
        id[i] = bytes[7 - i];
    return 0;
}

/* --- Signatures --- */

int minisign_signature_parse(const char *text, size_t length,
                             struct minisign_signature *s)
{
    struct lines l = {text, length};
    uint8_t bytes[SIGNATURE_BYTES];
    const char *comment;
    size_t n;
    int r;

    if (length > MINISIGN_FILE_MAX)
        return SP_ETOOBIG;
    if ((r = comment_read(&l, UNTRUSTED, MINISIGN_COMMENT_MAX, &comment, &n)) !=
            0 ||
        (r = value_read(&l, bytes, sizeof bytes)) != 0 ||
        (r = comment_read(&l, TRUSTED, sizeof s->trusted, &comment, &n)) != 0 ||
        (r = value_read(&l, s->global, sizeof s->global)) != 0)
        return r;
    if (l.left != 0 || bytes[0] != 'E' || (bytes[1] != 'D' && bytes[1] != 'd'))
        return SP_EINVAL;
    s->prehashed = bytes[1] == 'D';
    memcpy(s->id, bytes + 2, sizeof s->id);
    memcpy(s->signature, bytes + 10, sizeof s->signature);
    memcpy(s->trusted, comment, n);
    s->trusted[n] = '\0';
    return 0;
}

/* What the second signature covers. */
static size_t global_fill(uint8_t signed_bytes[64 + MINISIGN_TRUSTED_MAX],
                          const uint8_t signature[64], const char *trusted)
{
    size_t n = strlen(trusted);

    memcpy(signed_bytes, signature, 64);
    memcpy(signed_bytes + 64, trusted, n);
    return 64 + n;
}

static int data_verify(const struct minisign_key *key,
                       const struct minisign_signature *s, const void *data,
                       size_t length)
{
    uint8_t hash[crypto_generichash_BYTES_MAX];

    if (!s->prehashed)
        return crypto_sign_verify_detached(s->signature, data, length,
                                           key->key);
    crypto_generichash(hash, sizeof hash, data, length, NULL, 0);
    return crypto_sign_verify_detached(s->signature, hash, sizeof hash,
                                       key->key);
}

int minisign_verify(const struct minisign_key *key,
                    const struct minisign_signature *s, const void *data,
                    size_t length)
{
    uint8_t global[64 + MINISIGN_TRUSTED_MAX];
    size_t n;

    if (memcmp(key->id, s->id, sizeof key->id) != 0)
        return SP_ENOENT;
    if (data_verify(key, s, data, length) != 0)
        return SP_ESIGNATURE;
    n = global_fill(global, s->signature, s->trusted);
    return crypto_sign_verify_detached(s->global, global, n, key->key) == 0
               ? 0
               : SP_ESIGNATURE;
}

int minisign_sign(const struct minisign_secret *secret, const void *data,
                  size_t length, const char *trusted,
                  char text[MINISIGN_FILE_MAX])
{
    uint8_t hash[crypto_generichash_BYTES_MAX], bytes[SIGNATURE_BYTES] = "ED";
    uint8_t global[64 + MINISIGN_TRUSTED_MAX], second[GLOBAL_BYTES];
    char line[BASE64_MAX], last[BASE64_MAX];
    size_t n = strlen(trusted);

    if (n >= MINISIGN_TRUSTED_MAX)
        return SP_ETOOBIG;
    if (!comment_is_good(trusted, n))
        return SP_EINVAL;
    memcpy(bytes + 2, secret->id, sizeof secret->id);
    crypto_generichash(hash, sizeof hash, data, length, NULL, 0);
    crypto_sign_detached(bytes + 10, NULL, hash, sizeof hash, secret->secret);
    n = global_fill(global, bytes + 10, trusted);
    crypto_sign_detached(second, NULL, global, n, secret->secret);
    sodium_bin2base64(line, sizeof line, bytes, sizeof bytes,
                      sodium_base64_VARIANT_ORIGINAL);
    sodium_bin2base64(last, sizeof last, second, sizeof second,
                      sodium_base64_VARIANT_ORIGINAL);
    n = (size_t)snprintf(
        text, MINISIGN_FILE_MAX,
        UNTRUSTED "signature from sallyport approve\n%s\n" TRUSTED "%s\n%s\n",
        line, trusted, last);
    return n < MINISIGN_FILE_MAX ? 0 : SP_ETOOBIG;
}

/* --- Secret keys --- */

/* The decoded second line of a secret key file. Wipe it. */
struct stored {
    uint8_t bytes[SECRET_BYTES];
};

static bool stored_is_sealed(const struct stored *s)
{
    return memcmp(s->bytes + 2, "Sc", 2) == 0;
}

static int stored_read(const char *text, size_t length, struct stored *s)
{
    struct lines l = {text, length};
    const char *comment;
    size_t n;
    int r = comment_read(&l, UNTRUSTED, MINISIGN_COMMENT_MAX, &comment, &n);

    if (r == 0)
        r = value_read(&l, s->bytes, sizeof s->bytes);
    if (r == 0 && (l.left != 0 || memcmp(s->bytes, "Ed", 2) != 0 ||
                   memcmp(s->bytes + 4, "B2", 2) != 0 ||
                   (!stored_is_sealed(s) && !sodium_is_zero(s->bytes + 2, 2))))
        r = SP_EINVAL;
    return r;
}

static uint64_t number_get(const uint8_t *bytes)
{
    uint64_t v = 0;

    for (size_t i = 8; i > 0; i--)
        v = v << 8 | bytes[i - 1];
    return v;
}

static void number_put(uint8_t *bytes, uint64_t v)
{
    for (size_t i = 0; i < 8; i++, v >>= 8)
        bytes[i] = (uint8_t)v;
}

/* A file may not make us work for hours, nor ask for all memory. */
static bool cost_is_good(const struct minisign_cost *cost)
{
    return cost->operations >=
               crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_MIN &&
           cost->operations <= minisign_cost_default.operations &&
           cost->memory >= crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_MIN &&
           cost->memory <= minisign_cost_default.memory;
}

/* Adds the password's stream to what is sealed, which also takes it off. */
static int stored_cipher(struct stored *s, const char *password)
{
    const struct minisign_cost cost = {number_get(s->bytes + 38),
                                       number_get(s->bytes + 46)};
    uint8_t stream[SEALED_BYTES];
    int r = 0;

    if (!cost_is_good(&cost) || strlen(password) > MINISIGN_PASSWORD_MAX)
        return SP_EINVAL;
    if (crypto_pwhash_scryptsalsa208sha256(
            stream, sizeof stream, password, strlen(password), s->bytes + 6,
            cost.operations, (size_t)cost.memory) != 0)
        r = SP_ENOMEM;
    for (size_t i = 0; r == 0 && i < sizeof stream; i++)
        s->bytes[SEALED_AT + i] ^= stream[i];
    sodium_memzero(stream, sizeof stream);
    return r;
}

static void checksum(const struct stored *s, uint8_t sum[32])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, 32);
    crypto_generichash_update(&state, s->bytes, 2);
    crypto_generichash_update(&state, s->bytes + SEALED_AT, 72);
    crypto_generichash_final(&state, sum, 32);
    sodium_memzero(&state, sizeof state);
}

/* minisign leaves the checksum of a key without a password empty. */
static int stored_check(const struct stored *s)
{
    const uint8_t *have = s->bytes + SEALED_AT + 72;
    uint8_t sum[32];
    int r;

    checksum(s, sum);
    r = sodium_memcmp(sum, have, sizeof sum);
    sodium_memzero(sum, sizeof sum);
    if (r == 0 || (!stored_is_sealed(s) && sodium_is_zero(have, 32)))
        return 0;
    return SP_EPERM;
}

/* Signing with a public half that is not the seed's gives the seed away. */
static int secret_check(const struct minisign_secret *secret)
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES],
        again[crypto_sign_SECRETKEYBYTES];
    int r;

    crypto_sign_seed_keypair(public, again, secret->secret);
    r = sodium_memcmp(again, secret->secret, sizeof again);
    sodium_memzero(again, sizeof again);
    return r == 0 ? 0 : SP_EINVAL;
}

int minisign_secret_needs_password(const char *text, size_t length, bool *needs)
{
    struct stored s;
    int r = stored_read(text, length, &s);

    *needs = r == 0 && stored_is_sealed(&s);
    sodium_memzero(&s, sizeof s);
    return r;
}

int minisign_secret_parse(const char *text, size_t length, const char *password,
                          struct minisign_secret *secret)
{
    struct stored s;
    int r = stored_read(text, length, &s);

    if (r == 0 && stored_is_sealed(&s))
        r = password == NULL ? SP_EPERM : stored_cipher(&s, password);
    if (r == 0)
        r = stored_check(&s);
    if (r == 0) {
        memcpy(secret->id, s.bytes + SEALED_AT, sizeof secret->id);
        memcpy(secret->secret, s.bytes + SEALED_AT + 8, sizeof secret->secret);
        r = secret_check(secret);
    }
    sodium_memzero(&s, sizeof s);
    if (r != 0)
        minisign_secret_wipe(secret);
    return r;
}

int minisign_secret_format(const struct minisign_secret *secret,
                           const char *password,
                           const struct minisign_cost *cost,
                           char text[MINISIGN_SECRET_TEXT])
{
    struct stored s = {"Ed"};
    char line[BASE64_MAX];
    int r = 0;

    memcpy(s.bytes + 4, "B2", 2);
    memcpy(s.bytes + SEALED_AT, secret->id, sizeof secret->id);
    memcpy(s.bytes + SEALED_AT + 8, secret->secret, sizeof secret->secret);
    if (password != NULL) {
        memcpy(s.bytes + 2, "Sc", 2);
        randombytes_buf(s.bytes + 6, 32);
        number_put(s.bytes + 38, cost->operations);
        number_put(s.bytes + 46, cost->memory);
        checksum(&s, s.bytes + SEALED_AT + 72);
        r = stored_cipher(&s, password);
    }
    sodium_bin2base64(line, sizeof line, s.bytes, sizeof s.bytes,
                      sodium_base64_VARIANT_ORIGINAL);
    if (r == 0)
        snprintf(text, MINISIGN_SECRET_TEXT,
                 UNTRUSTED "minisign %ssecret key\n%s\n",
                 password != NULL ? "encrypted " : "", line);
    sodium_memzero(&s, sizeof s);
    sodium_memzero(line, sizeof line);
    return r;
}

int minisign_generate(struct minisign_secret *secret)
{
    uint8_t public[crypto_sign_PUBLICKEYBYTES];

    if (sodium_init() < 0 || crypto_sign_keypair(public, secret->secret) != 0)
        return SP_ECRYPTO;
    randombytes_buf(secret->id, sizeof secret->id);
    return 0;
}

void minisign_public(const struct minisign_secret *secret,
                     struct minisign_key *key)
{
    memcpy(key->id, secret->id, sizeof key->id);
    memcpy(key->key, secret->secret + 32, sizeof key->key);
}

void minisign_secret_wipe(struct minisign_secret *secret)
{
    sodium_memzero(secret, sizeof *secret);
}
