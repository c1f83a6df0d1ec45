/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (C2SP signed-note v1.0.0) and their key strings. Runs in the
 * keeper, which signs, and in every tool that verifies. Notes and verifier
 * keys are a stranger's text: syntax is checked whole before any signature.
 */
#include "ledger/note.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"

#define TYPE_ED25519     0x01
#define TYPE_COSIGNATURE 0x04

#define KEY_BYTES  33 /* the type and 32 bytes */
#define KEY_BASE64 44
#define BLOB_MAX   4096
#define LINES_MAX  100 /* as Go's note package; C2SP asks for at least 16 */

static const char dash[] = "\xe2\x80\x94 "; /* U+2014 and a space */
#define DASH_BYTES (sizeof dash - 1)

static const char private_prefix[] = "PRIVATE+KEY+";
#define PRIVATE_BYTES (sizeof private_prefix - 1)

struct piece {
    const char *text;
    size_t length;
};

/* One UTF-8 character; 0 if there is none there (RFC 3629: no overlong forms,
 * no surrogates, at most U+10FFFF). */
static size_t utf8_character(const uint8_t *s, size_t length, uint32_t *c)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80             ? 1
               : (s[0] & 0xe0) == 0xc0 ? 2
               : (s[0] & 0xf0) == 0xe0 ? 3
               : (s[0] & 0xf8) == 0xf0 ? 4
                                       : 0;

    if (n == 0 || n > length)
        return 0;
    *c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (s[i] & 0x3f);
    }
    if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
        return 0;
    return n;
}

static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Valid UTF-8 without control bytes but the newline. */
static bool text_is_clean(const char *text, size_t length)
{
    const uint8_t *s = (const uint8_t *)text;

    for (size_t i = 0; i < length;) {
        uint32_t c;
        size_t n = utf8_character(s + i, length - i, &c);
        if (n == 0 || (c < 0x20 && c != '\n'))
            return false;
        i += n;
    }
    return true;
}

static bool name_is_valid(const char *name, size_t length)
{
    const uint8_t *s = (const uint8_t *)name;

    if (length == 0 || length > NOTE_NAME_MAX)
        return false;
    for (size_t i = 0; i < length;) {
        uint32_t c;
        size_t n = utf8_character(s + i, length - i, &c);
        if (n == 0 || c < 0x20 || c == '+' || is_space(c))
            return false;
        i += n;
    }
    return true;
}

/* The first four bytes of SHA-256(name ‖ newline ‖ type ‖ key). */
static uint32_t key_id(const char *name, uint8_t type, const uint8_t key[32])
{
    static const uint8_t newline = '\n';
    crypto_hash_sha256_state s;
    uint8_t h[32];

    crypto_hash_sha256_init(&s);
    crypto_hash_sha256_update(&s, (const uint8_t *)name, strlen(name));
    crypto_hash_sha256_update(&s, &newline, 1);
    crypto_hash_sha256_update(&s, &type, 1);
    crypto_hash_sha256_update(&s, key, 32);
    crypto_hash_sha256_final(&s, h);
    return (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 |
           h[3];
}

static int hex_parse(const char *text, uint32_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < 8; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            *value = *value << 4 | (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            *value = *value << 4 | (uint32_t)(c - 'a' + 10);
        else
            return SP_EINVAL;
    }
    return 0;
}

/* "name+hash+base64", split at the first two '+' only: base64 has its own. */
static int key_text_parse(const char *text, size_t length,
                          struct note_verifier *v, uint8_t key[KEY_BYTES])
{
    const char *plus = memchr(text, '+', length);
    size_t n;

    memset(v, 0, sizeof *v);
    if (plus == NULL)
        return SP_EINVAL;
    size_t name = (size_t)(plus - text);
    if (!name_is_valid(text, name) || length - name != 1 + 8 + 1 + KEY_BASE64 ||
        plus[9] != '+' || hex_parse(plus + 1, &v->id) != 0 ||
        base64_decode(plus + 10, KEY_BASE64, key, KEY_BYTES, &n) != 0 ||
        n != KEY_BYTES)
        return SP_EINVAL;
    memcpy(v->name, text, name);
    return 0;
}

static int key_text_format(const char *prefix, const struct note_verifier *v,
                           const uint8_t key[32], char text[NOTE_KEY_TEXT_MAX])
{
    uint8_t data[KEY_BYTES];
    char base64[KEY_BASE64 + 1];

    if (!name_is_valid(v->name, strnlen(v->name, sizeof v->name)))
        return SP_EINVAL;
    data[0] = v->type;
    memcpy(data + 1, key, 32);
    base64_encode(data, sizeof data, base64);
    snprintf(text, NOTE_KEY_TEXT_MAX, "%s%s+%08x+%s", prefix, v->name,
             (unsigned)v->id, base64);
    sodium_memzero(data, sizeof data);
    sodium_memzero(base64, sizeof base64);
    return 0;
}

/* Key files end in a newline. */
static size_t without_newline(const char *text, size_t length)
{
    return length > 0 && text[length - 1] == '\n' ? length - 1 : length;
}

static int signer_from_seed(const char *name, uint8_t type,
                            const uint8_t seed[32], struct note_signer *s)
{
    size_t length = strlen(name);

    memset(s, 0, sizeof *s);
    if (!name_is_valid(name, length))
        return SP_EINVAL;
    if (crypto_sign_seed_keypair(s->verifier.key, s->secret, seed) != 0)
        return SP_ECRYPTO;
    memcpy(s->verifier.name, name, length + 1);
    s->verifier.type = type;
    s->verifier.id = key_id(name, type, s->verifier.key);
    return 0;
}

static int signer_generate(const char *name, uint8_t type,
                           struct note_signer *s)
{
    uint8_t seed[32];

    if (sodium_init() < 0)
        return SP_ECRYPTO;
    randombytes_buf(seed, sizeof seed);
    int r = signer_from_seed(name, type, seed, s);
    sodium_memzero(seed, sizeof seed);
    return r;
}

static int signer_parse(const char *text, size_t length, uint8_t type,
                        struct note_signer *s)
{
    struct note_verifier v;
    uint8_t key[KEY_BYTES] = {0};
    int r = SP_EINVAL;

    memset(s, 0, sizeof *s);
    length = without_newline(text, length);
    if (length < PRIVATE_BYTES ||
        memcmp(text, private_prefix, PRIVATE_BYTES) != 0 ||
        key_text_parse(text + PRIVATE_BYTES, length - PRIVATE_BYTES, &v, key) !=
            0)
        goto out;
    if (key[0] != type) {
        r = SP_EUNSUPPORTED;
        goto out;
    }
    if ((r = signer_from_seed(v.name, type, key + 1, s)) != 0)
        goto out;
    if (s->verifier.id != v.id) { /* of the public key: a mistyped seed shows */
        note_signer_wipe(s);
        r = SP_EINVAL;
    }
out:
    sodium_memzero(key, sizeof key);
    return r;
}

int note_signer_generate(const char *name, struct note_signer *s)
{
    return signer_generate(name, TYPE_ED25519, s);
}

int note_signer_from_seed(const char *name, const uint8_t seed[32],
                          struct note_signer *s)
{
    return signer_from_seed(name, TYPE_ED25519, seed, s);
}

int note_signer_parse(const char *text, size_t length, struct note_signer *s)
{
    return signer_parse(text, length, TYPE_ED25519, s);
}

int note_witness_generate(const char *name, struct note_signer *s)
{
    return signer_generate(name, TYPE_COSIGNATURE, s);
}

int note_witness_from_seed(const char *name, const uint8_t seed[32],
                           struct note_signer *s)
{
    return signer_from_seed(name, TYPE_COSIGNATURE, seed, s);
}

int note_witness_parse(const char *text, size_t length, struct note_signer *s)
{
    return signer_parse(text, length, TYPE_COSIGNATURE, s);
}

int note_signer_format(const struct note_signer *s,
                       char text[NOTE_KEY_TEXT_MAX])
{
    return key_text_format(private_prefix, &s->verifier, s->secret, text);
}

void note_signer_wipe(struct note_signer *s)
{
    sodium_memzero(s, sizeof *s);
}

int note_verifier_parse(const char *text, size_t length,
                        struct note_verifier *v)
{
    uint8_t key[KEY_BYTES];
    int r = key_text_parse(text, without_newline(text, length), v, key);

    if (r != 0)
        return r;
    if (key[0] != TYPE_ED25519 && key[0] != TYPE_COSIGNATURE)
        return SP_EUNSUPPORTED;
    v->type = key[0];
    memcpy(v->key, key + 1, 32);
    return key_id(v->name, v->type, v->key) == v->id ? 0 : SP_EINVAL;
}

int note_verifier_format(const struct note_verifier *v,
                         char text[NOTE_KEY_TEXT_MAX])
{
    return key_text_format("", v, v->key, text);
}

int note_sign(const struct note_signer *s, const char *text, char *note,
              size_t size, size_t *length)
{
    uint8_t blob[4 + crypto_sign_BYTES];
    char base64[BASE64_SIZE(sizeof blob)];
    size_t n = strlen(text);
    uint32_t id = s->verifier.id;

    if (s->verifier.type != TYPE_ED25519)
        return SP_EUNSUPPORTED;
    if (n == 0 || text[n - 1] != '\n' || !text_is_clean(text, n))
        return SP_EINVAL;
    for (unsigned i = 0; i < 4; i++)
        blob[i] = (uint8_t)(id >> (24 - 8 * i));
    if (crypto_sign_detached(blob + 4, NULL, (const uint8_t *)text, n,
                             s->secret) != 0)
        return SP_ECRYPTO;
    base64_encode(blob, sizeof blob, base64);
    int written = snprintf(note, size, "%s\n%s%s %s\n", text, dash,
                           s->verifier.name, base64);
    if (written < 0 || (size_t)written >= size)
        return SP_ETOOBIG;
    *length = (size_t)written;
    return 0;
}

struct signature {
    struct piece name;
    uint32_t id;
    uint8_t blob[128]; /* what follows the key's id; longer ones are unknown */
    size_t length;
};

/* The next line of `rest`, without its newline. SP_ENOENT at the end. */
static int line_next(struct piece *rest, struct piece *line)
{
    if (rest->length == 0)
        return SP_ENOENT;
    const char *end = memchr(rest->text, '\n', rest->length);
    if (end == NULL)
        return SP_EINVAL;
    line->text = rest->text;
    line->length = (size_t)(end - rest->text);
    rest->text += line->length + 1;
    rest->length -= line->length + 1;
    return 0;
}

static int signature_parse(struct piece line, struct signature *s)
{
    uint8_t data[BLOB_MAX];
    size_t n;

    if (line.length < DASH_BYTES || memcmp(line.text, dash, DASH_BYTES) != 0)
        return SP_EINVAL;
    const char *name = line.text + DASH_BYTES;
    size_t rest = line.length - DASH_BYTES;
    const char *space = memchr(name, ' ', rest);
    if (space == NULL)
        return SP_EINVAL;
    s->name.text = name;
    s->name.length = (size_t)(space - name);
    rest -= s->name.length + 1;
    if (!name_is_valid(name, s->name.length) ||
        base64_decode(space + 1, rest, data, sizeof data, &n) != 0 || n < 5)
        return SP_EINVAL;
    s->id = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
            (uint32_t)data[2] << 8 | data[3];
    s->length = n - 4 <= sizeof s->blob ? n - 4 : 0;
    memcpy(s->blob, data + 4, s->length);
    return 0;
}

static bool signature_is_of(const struct signature *s,
                            const struct note_verifier *v)
{
    return s->id == v->id && s->name.length == strlen(v->name) &&
           memcmp(s->name.text, v->name, s->name.length) == 0;
}

static uint64_t cosignature_time(const struct signature *s)
{
    uint64_t time = 0;

    for (unsigned i = 0; i < 8; i++)
        time = time << 8 | s->blob[i];
    return time;
}

/* C2SP tlog-cosignature: the time stands before the text that is signed. */
static int cosignature_verify(const struct signature *s,
                              const struct note_verifier *v, struct piece text)
{
    char message[NOTE_MAX + 64];

    if (s->length != 8 + crypto_sign_BYTES)
        return SP_ESIGNATURE;
    uint64_t time = cosignature_time(s);
    if (time > INT64_MAX)
        return SP_ESIGNATURE;
    int n = snprintf(message, sizeof message, "cosignature/v1\ntime %llu\n%.*s",
                     (unsigned long long)time, (int)text.length, text.text);
    return crypto_sign_verify_detached(s->blob + 8, (const uint8_t *)message,
                                       (unsigned)n, v->key) == 0
               ? 0
               : SP_ESIGNATURE;
}

static int signature_verify(const struct signature *s,
                            const struct note_verifier *v, struct piece text)
{
    if (v->type == TYPE_COSIGNATURE)
        return cosignature_verify(s, v, text);
    if (v->type != TYPE_ED25519 || s->length != crypto_sign_BYTES)
        return SP_ESIGNATURE;
    return crypto_sign_verify_detached(s->blob, (const uint8_t *)text.text,
                                       text.length, v->key) == 0
               ? 0
               : SP_ESIGNATURE;
}

/* Splits at the last empty line and checks the syntax of everything. */
static int note_split(const char *note, size_t length, struct piece *text,
                      struct piece *signatures)
{
    size_t at = length;

    if (length > NOTE_MAX)
        return SP_ETOOBIG;
    if (length < 3 || note[length - 1] != '\n' || !text_is_clean(note, length))
        return SP_EINVAL;
    while (at >= 2 && (note[at - 1] != '\n' || note[at - 2] != '\n'))
        at--;
    if (at < 3 || at == length) /* no empty line, no text, or nothing behind */
        return SP_EINVAL;
    *text = (struct piece){note, at - 1};
    *signatures = (struct piece){note + at, length - at};
    struct piece rest = *signatures, line;
    struct signature s;
    unsigned lines = 0;
    int r;
    while ((r = line_next(&rest, &line)) == 0)
        if (++lines > LINES_MAX || signature_parse(line, &s) != 0)
            return SP_EINVAL;
    return r == SP_ENOENT ? 0 : r;
}

int note_text(const char *note, size_t length, size_t *text_length)
{
    struct piece text, signatures;
    int r = note_split(note, length, &text, &signatures);

    if (r == 0)
        *text_length = text.length;
    return r;
}

int note_open(const char *note, size_t length,
              const struct note_verifier *known, size_t nknown,
              size_t *text_length, unsigned *verified)
{
    struct piece text, signatures;
    int r = note_split(note, length, &text, &signatures);

    *verified = 0;
    if (r != 0)
        return r;
    for (size_t i = 0; i < nknown; i++) {
        struct piece rest = signatures, line;
        struct signature s;
        while (line_next(&rest, &line) == 0) {
            if (signature_parse(line, &s) != 0)
                return SP_EINVAL;
            if (!signature_is_of(&s, &known[i]))
                continue;
            /* A known key's bad signature spoils the whole note; a repeated
             * line of one key does not count. */
            if (signature_verify(&s, &known[i], text) != 0)
                return SP_ESIGNATURE;
            ++*verified;
            break;
        }
    }
    *text_length = text.length;
    return *verified > 0 ? 0 : SP_ESIGNATURE;
}

int note_find(const char *note, size_t length, const struct note_verifier *v,
              struct note_line *found)
{
    struct piece text, rest, line;
    struct signature s;
    int r = note_split(note, length, &text, &rest);

    memset(found, 0, sizeof *found);
    if (r != 0)
        return r;
    while ((r = line_next(&rest, &line)) == 0) {
        if (signature_parse(line, &s) != 0)
            return SP_EINVAL;
        if (signature_is_of(&s, v))
            break;
    }
    if (r == 0)
        r = signature_verify(&s, v, text);
    if (r != 0)
        return r;
    found->text = line.text;
    found->length = line.length + 1;
    found->time = v->type == TYPE_COSIGNATURE ? cosignature_time(&s) : 0;
    return 0;
}
