/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes bundles. Runs on both sides; what is read came by mail and
 * is anybody's until its fingerprint was compared.
 */
#include "ctl/bundle.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/pem.h"
#include "ledger/note.h"
#include "lib/file.h"
#include "lib/json.h"

#define FORMAT   "sallyport-bundle@1"
#define TEXT_MAX 65536

static int say(char problem[BUNDLE_PROBLEM], const char *member,
               const char *wanted)
{
    snprintf(problem, BUNDLE_PROBLEM, "\"%s\": expected %s", member, wanted);
    return SP_EINVAL;
}

int bundle_address_split(const char *text, char host[256], char port[8])
{
    bool bracket = text[0] == '[';
    const char *start = bracket ? text + 1 : text;
    const char *end = bracket ? strchr(start, ']') : strrchr(start, ':');
    const char *digits;
    size_t n;

    if (end == NULL || end == start || (size_t)(end - start) > 255)
        return SP_EINVAL;
    if (bracket && *++end != ':')
        return SP_EINVAL;
    n = (size_t)(end - start) - (bracket ? 1 : 0);
    memcpy(host, start, n);
    host[n] = '\0';
    digits = end + 1;
    if (strspn(digits, "0123456789") != strlen(digits) || digits[0] == '0' ||
        strlen(digits) < 1 || strlen(digits) > 5 || atoi(digits) > 65535)
        return SP_EINVAL;
    snprintf(port, 8, "%s", digits);
    return host[strspn(host, bracket ? "0123456789abcdefABCDEF:."
                                     : "0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._")] == '\0'
               ? 0
               : SP_EINVAL;
}

int bundle_pem(const uint8_t *pem, size_t length, char **out,
               char problem[BUNDLE_PROBLEM])
{
    char why[PEM_PROBLEM];
    STACK_OF(X509) *certs = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    int r = bio == NULL ? SP_ENOMEM
                        : pem_read_certificates(pem, length, &certs, why);

    if (r != 0)
        snprintf(problem, BUNDLE_PROBLEM, "%s",
                 bio == NULL ? sp_strerror(r) : why);
    for (int i = 0; r == 0 && i < sk_X509_num(certs); i++)
        r = PEM_write_bio_X509(bio, sk_X509_value(certs, i)) == 1 ? 0
                                                                  : SP_ENOMEM;
    if (r == 0) {
        long n = BIO_get_mem_data(bio, &data);
        *out = strndup(data, (size_t)n);
        r = *out == NULL ? SP_ENOMEM : 0;
    }
    sk_X509_pop_free(certs, X509_free);
    BIO_free(bio);
    return r;
}

/* ---- what a member may be ---- */

/* Printable ASCII: it is shown on terminals. */
static bool is_line(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e)
            return false;
    }
    return text[0] != '\0' && strlen(text) < 512;
}

/* Parties and people become names of folders and commands that are shown. */
static bool is_name(const char *text)
{
    return is_line(text) && strlen(text) <= 64 && text[0] != '-' &&
           text[0] != '.' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._@+")] ==
               '\0';
}

static bool is_address(const char *text)
{
    char host[256], port[8];

    return bundle_address_split(text, host, port) == 0;
}

static bool is_vkey(const char *text)
{
    struct note_verifier v;

    return is_line(text) && note_verifier_parse(text, strlen(text), &v) == 0 &&
           v.type == 0x01;
}

static bool is_witness(const char *text)
{
    struct note_verifier v;

    return is_line(text) && note_verifier_parse(text, strlen(text), &v) == 0;
}

/* Certificates as we write them, nothing around them: what is hashed is all
 * that there is. */
static bool is_pem(const char *text)
{
    char problem[BUNDLE_PROBLEM];
    char *again = NULL;
    bool same =
        bundle_pem((const uint8_t *)text, strlen(text), &again, problem) == 0 &&
        strcmp(again, text) == 0;

    free(again);
    return same;
}

static bool is_host(const char *text)
{
    char host[256], port[8], address[300];

    snprintf(address, sizeof address,
             strchr(text, ':') ? "[%.250s]:1" : "%.250s:1", text);
    return strlen(text) < 128 && bundle_address_split(address, host, port) == 0;
}

/* ---- the table of members ---- */

enum member_kind { TEXT, TEXTS };

struct member {
    const char *name;
    enum member_kind kind;
    size_t offset, count, max; /* in struct bundle; of TEXTS */
    bool (*good)(const char *text);
    const char *wanted;
};

#define AT(field) offsetof(struct bundle, field)

static const struct member members[] = {
    {"deployment", TEXT, AT(deployment), 0, 0, is_name, "a deployment's id"},
    {"party", TEXT, AT(party), 0, 0, is_name, "a party's name"},
    {"person", TEXT, AT(person), 0, 0, is_name, "a person's name"},
    {"created", TEXT, AT(created), 0, 0, is_line, "a time"},
    {"gateways", TEXTS, AT(addresses), AT(naddresses), BUNDLE_ADDRESSES,
     is_address, "a list of HOST:PORT"},
    {"gateway_name", TEXT, AT(name), 0, 0, is_host, "a host name or address"},
    {"certificate", TEXT, AT(certificate), 0, 0, is_pem,
     "certificates in PEM and nothing else"},
    {"gateway_ca", TEXT, AT(gateway_ca), 0, 0, is_pem,
     "certificates in PEM and nothing else"},
    {"ledger_origin", TEXT, AT(origin), 0, 0, is_line, "a ledger's origin"},
    {"ledger_key", TEXT, AT(vkey), 0, 0, is_vkey,
     "a vkey like name+1a2b3c4d+base64"},
    {"witnesses", TEXTS, AT(witnesses), AT(nwitnesses), BUNDLE_WITNESSES,
     is_witness, "a list of witnesses' vkeys"},
    {"documents", TEXTS, AT(documents), AT(ndocuments), BUNDLE_DOCUMENTS,
     is_name, "a list of documents' names"},
};

#define NMEMBERS (sizeof members / sizeof members[0])

static char **text_slot(struct bundle *b, const struct member *m, size_t i)
{
    return (char **)((char *)b + m->offset) + i;
}

static const char *text_at(const struct bundle *b, const struct member *m,
                           size_t i)
{
    return *((char *const *)((const char *)b + m->offset) + i);
}

static size_t *count_slot(struct bundle *b, const struct member *m)
{
    return (size_t *)((char *)b + m->count);
}

static size_t text_count(const struct bundle *b, const struct member *m)
{
    return m->kind == TEXT ? 1 : *(const size_t *)((const char *)b + m->count);
}

/* ---- reading ---- */

/* malloc'd; NULL: not a text, or too long. */
static char *text_take(const struct json *j, uint32_t node)
{
    size_t size = json_text_bytes(j, node) + 1;
    char *text;

    if (j->nodes[node].type != JSON_STRING || size > TEXT_MAX)
        return NULL;
    text = malloc(size);
    if (text != NULL && json_text(j, node, text, size) != 0) {
        free(text);
        text = NULL;
    }
    return text;
}

static int text_read(const struct json *j, uint32_t node, struct bundle *b,
                     const struct member *m, size_t i, char *problem)
{
    char **slot = text_slot(b, m, i);

    *slot = text_take(j, node);
    if (*slot == NULL || !m->good(*slot))
        return say(problem, m->name, m->wanted);
    return 0;
}

static int texts_read(const struct json *j, uint32_t node, struct bundle *b,
                      const struct member *m, char *problem)
{
    size_t *count = count_slot(b, m);
    int r;

    if (j->nodes[node].type != JSON_ARRAY || j->nodes[node].count > m->max)
        return say(problem, m->name, m->wanted);
    for (uint32_t e = j->nodes[node].child; e != 0; e = j->nodes[e].next) {
        r = text_read(j, e, b, m, *count, problem);
        (*count)++; /* also if it is bad: it is freed by this */
        if (r != 0)
            return r;
    }
    return 0;
}

static int window_read(const struct json *j, uint32_t node,
                       struct bundle_window *w)
{
    static const char *const names[] = {"model", "opens", "closes"};
    char **const slots[] = {&w->model, &w->opens, &w->closes};

    if (j->nodes[node].type != JSON_OBJECT || j->nodes[node].count != 3)
        return SP_EINVAL;
    for (size_t i = 0; i < 3; i++) {
        uint32_t m = json_member(j, node, names[i]);

        *slots[i] = m == 0 ? NULL : text_take(j, m);
        if (*slots[i] == NULL || !is_line(*slots[i]))
            return SP_EINVAL;
    }
    return 0;
}

static int windows_read(const struct json *j, uint32_t node, struct bundle *b,
                        char *problem)
{
    static const char wanted[] = "a list of {model, opens, closes}";

    if (node == 0 || j->nodes[node].type != JSON_ARRAY ||
        j->nodes[node].count > BUNDLE_WINDOWS)
        return say(problem, "windows", wanted);
    for (uint32_t e = j->nodes[node].child; e != 0; e = j->nodes[e].next) {
        if (window_read(j, e, &b->windows[b->nwindows++]) != 0)
            return say(problem, "windows", wanted);
    }
    return 0;
}

static int members_read(const struct json *j, struct bundle *b, char *problem)
{
    uint32_t format;
    int r = 0;

    if (j->nodes[0].type != JSON_OBJECT ||
        (format = json_member(j, 0, "format")) == 0 ||
        !json_equals(j, format, FORMAT))
        return say(problem, "format",
                   "\"" FORMAT "\": not a bundle, or a "
                   "newer sallyport's");
    for (size_t i = 0; r == 0 && i < NMEMBERS; i++) {
        const struct member *m = &members[i];
        uint32_t node = json_member(j, 0, m->name);

        if (node == 0)
            r = say(problem, m->name, m->wanted);
        else
            r = m->kind == TEXT ? text_read(j, node, b, m, 0, problem)
                                : texts_read(j, node, b, m, problem);
    }
    if (r == 0)
        r = windows_read(j, json_member(j, 0, "windows"), b, problem);
    if (r == 0 && b->naddresses == 0)
        r = say(problem, "gateways", "at least one HOST:PORT");
    /* What would not be in the fingerprint is not in the file. */
    if (r == 0 && j->nodes[0].count != NMEMBERS + 2)
        r = say(problem, "…", "no members but those of docs/enrolment.md");
    return r;
}

int bundle_parse(const uint8_t *text, size_t length, struct bundle *b,
                 char problem[BUNDLE_PROBLEM])
{
    struct json j = {0};
    int r;

    *b = (struct bundle){0};
    problem[0] = '\0';
    r = json_parse(&j, (const char *)text, length, 4, 4096);
    if (r != 0)
        snprintf(problem, BUNDLE_PROBLEM, "byte %zu: %s: not a bundle",
                 j.fault_offset, json_fault_text(j.fault));
    else
        r = members_read(&j, b, problem);
    json_release(&j);
    if (r != 0)
        bundle_release(b);
    return r;
}

int bundle_read(const char *path, struct bundle *b,
                char problem[BUNDLE_PROBLEM])
{
    uint8_t *data = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, path, BUNDLE_MAX, &data, &length);

    *b = (struct bundle){0};
    if (r != 0)
        snprintf(problem, BUNDLE_PROBLEM, "%s", sp_strerror(r));
    else
        r = bundle_parse(data, length, b, problem);
    free(data);
    return r;
}

void bundle_release(struct bundle *b)
{
    for (size_t i = 0; i < NMEMBERS; i++) {
        for (size_t k = 0; k < text_count(b, &members[i]); k++)
            free(*text_slot(b, &members[i], k));
    }
    for (size_t i = 0; i < b->nwindows; i++) {
        free(b->windows[i].model);
        free(b->windows[i].opens);
        free(b->windows[i].closes);
    }
    *b = (struct bundle){0};
}

/* ---- writing ---- */

static int quoted(struct buf *out, const char *text)
{
    size_t size = 6 * strlen(text) + 3, length = 0;
    char *space = malloc(size);
    int r = space == NULL
                ? SP_ENOMEM
                : json_quote(space, size, &length, text, strlen(text));

    if (r == 0)
        r = buf_append(out, space, length);
    free(space);
    return r;
}

static int member_write(const struct bundle *b, const struct member *m,
                        struct buf *out)
{
    int r = buf_printf(out, " \"%s\": ", m->name);

    if (m->kind == TEXT)
        return r == 0 ? quoted(out, text_at(b, m, 0)) : r;
    if (r == 0)
        r = buf_append_text(out, "[");
    for (size_t i = 0; r == 0 && i < text_count(b, m); i++) {
        if (i > 0)
            r = buf_append_text(out, ", ");
        if (r == 0)
            r = quoted(out, text_at(b, m, i));
    }
    return r == 0 ? buf_append_text(out, "]") : r;
}

static int window_write(const struct bundle_window *w, bool first,
                        struct buf *out)
{
    int r = buf_append_text(out, first ? "{\"model\": " : ", {\"model\": ");

    if (r == 0)
        r = quoted(out, w->model);
    if (r == 0)
        r = buf_append_text(out, ", \"opens\": ");
    if (r == 0)
        r = quoted(out, w->opens);
    if (r == 0)
        r = buf_append_text(out, ", \"closes\": ");
    if (r == 0)
        r = quoted(out, w->closes);
    return r == 0 ? buf_append_text(out, "}") : r;
}

int bundle_encode(const struct bundle *b, struct buf *out)
{
    int r = buf_append_text(out, "{\n \"format\": \"" FORMAT "\",\n");

    for (size_t i = 0; r == 0 && i < NMEMBERS; i++) {
        r = member_write(b, &members[i], out);
        if (r == 0)
            r = buf_append_text(out, ",\n");
    }
    if (r == 0)
        r = buf_append_text(out, " \"windows\": [");
    for (size_t i = 0; r == 0 && i < b->nwindows; i++)
        r = window_write(&b->windows[i], i == 0, out);
    return r == 0 ? buf_append_text(out, "]\n}\n") : r;
}

int bundle_fingerprint(const struct bundle *b, uint8_t sha256[32])
{
    struct buf text;
    int r;

    buf_init(&text, 2 * BUNDLE_MAX);
    r = bundle_encode(b, &text);
    if (r == 0)
        crypto_hash_sha256(sha256, buf_bytes(&text), text.length);
    buf_release(&text);
    return r;
}
