/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate requests: read, judged, shown. Used by the command; who sends one
 * chooses every byte of it.
 */
#include "certs/request.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "certs/fingerprint.h"
#include "certs/pem.h"

#define SHOWN_NAMES 32  /* more are counted */
#define SHOWN_BYTES 256 /* of one name */

struct request {
    X509_REQ *csr;
    EVP_PKEY *key;
    uint8_t sha256[32];
};

static int refuse(char problem[256], const char *what)
{
    snprintf(problem, 256, "%s", what);
    ERR_clear_error();
    return SP_EINVAL;
}

void request_free(struct request *r)
{
    if (r == NULL)
        return;
    X509_REQ_free(r->csr);
    EVP_PKEY_free(r->key);
    free(r);
}

int request_read(const uint8_t *pem, size_t length, struct request **out,
                 char problem[256])
{
    struct request *r = calloc(1, sizeof *r);
    BIO *bio = length > REQUEST_MAX ? NULL : BIO_new_mem_buf(pem, (int)length);

    if (r == NULL) {
        BIO_free(bio);
        return SP_ENOMEM;
    }
    if (bio != NULL)
        r->csr = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    if (r->csr != NULL)
        r->key = X509_REQ_get_pubkey(r->csr);
    BIO_free(bio);
    if (r->key == NULL || fingerprint_of_key(r->key, r->sha256) != 0) {
        request_free(r);
        snprintf(problem, 256,
                 "expected a certificate request (PKCS#10) in PEM, at most %d "
                 "bytes, with a key that OpenSSL knows",
                 REQUEST_MAX);
        ERR_clear_error();
        return SP_EINVAL;
    }
    *out = r;
    return 0;
}

EVP_PKEY *request_key(const struct request *r)
{
    return r->key;
}

const uint8_t *request_fingerprint(const struct request *r)
{
    return r->sha256;
}

/* --- judged -------------------------------------------------------------- */

/* Ed25519 has a digest of its own. */
static bool digest_is_sound(const X509_REQ *csr)
{
    int digest = NID_undef;

    if (OBJ_find_sigid_algs(X509_REQ_get_signature_nid(csr), &digest, NULL) !=
        1)
        return false;
    return digest != NID_md5 && digest != NID_sha1 && digest != NID_md5_sha1 &&
           digest != NID_md4 && digest != NID_ripemd160;
}

int request_check(const struct request *r, const struct profile **profile,
                  char problem[256])
{
    int error = profile_of_key(r->key, profile, problem);

    if (error != 0)
        return error;
    if (!digest_is_sound(r->csr))
        return refuse(problem, "the request's signature: expected SHA-256 or "
                               "better, or Ed25519");
    if (X509_REQ_verify(r->csr, r->key) != 1)
        return refuse(problem, "the request's signature does not verify: "
                               "expected one made by its own key");
    ERR_clear_error();
    return 0;
}

/* --- shown --------------------------------------------------------------- */

/* Nothing of it reaches the terminal but printable ASCII, nor looks like what
 * `escaped` text has at its special characters. */
static void text_print_as(FILE *f, const uint8_t *text, int length,
                          bool escaped)
{
    for (int i = 0; i < length && i < SHOWN_BYTES; i++) {
        if (text[i] >= ' ' && text[i] <= '~' && (escaped || text[i] != '\\'))
            fputc(text[i], f);
        else
            fprintf(f, "\\%02X", text[i]);
    }
    if (length > SHOWN_BYTES)
        fprintf(f, "… (%d bytes)", length);
}

static void text_print(FILE *f, const uint8_t *text, int length)
{
    text_print_as(f, text, length, false);
}

static void subject_print(const struct request *r, FILE *f)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long length = 0;

    if (bio != NULL &&
        X509_NAME_print_ex(bio, X509_REQ_get_subject_name(r->csr), 0,
                           XN_FLAG_RFC2253) >= 0)
        length = BIO_get_mem_data(bio, &data);
    fputs("  subject asked:   ", f);
    if (length > 0)
        text_print_as(f, (const uint8_t *)data,
                      (int)(length > INT32_MAX ? INT32_MAX : length), true);
    else
        fputs("(none)", f);
    fputc('\n', f);
    BIO_free(bio);
}

static void other_print(FILE *f, const OTHERNAME *other)
{
    char oid[80];
    const ASN1_TYPE *value = other->value;

    OBJ_obj2txt(oid, sizeof oid, other->type_id, 1);
    fprintf(f, "other name %s ", oid);
    if (value->type == V_ASN1_UTF8STRING || value->type == V_ASN1_IA5STRING ||
        value->type == V_ASN1_PRINTABLESTRING)
        text_print(f, ASN1_STRING_get0_data(value->value.asn1_string),
                   ASN1_STRING_length(value->value.asn1_string));
}

static void address_print(FILE *f, const ASN1_OCTET_STRING *address)
{
    const uint8_t *b = ASN1_STRING_get0_data(address);
    int n = ASN1_STRING_length(address);

    fputs("address ", f);
    for (int i = 0; i < n && i < 16; i++)
        fprintf(f, n == 4 ? "%s%u" : "%s%02x",
                i > 0 ? (n == 4 ? "." : ":") : "", b[i]);
}

static void name_print(FILE *f, const GENERAL_NAME *name)
{
    static const struct {
        int type;
        const char *text;
    } texts[] = {{GEN_URI, "URI"}, {GEN_DNS, "DNS name"}, {GEN_EMAIL, "mail"}};

    fputs("    ", f);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (name->type != texts[i].type)
            continue;
        fprintf(f, "%s ", texts[i].text);
        text_print(f, ASN1_STRING_get0_data(name->d.ia5),
                   ASN1_STRING_length(name->d.ia5));
        fputc('\n', f);
        return;
    }
    if (name->type == GEN_IPADD)
        address_print(f, name->d.iPAddress);
    else if (name->type == GEN_OTHERNAME)
        other_print(f, name->d.otherName);
    else
        fprintf(f, "a name of another kind (%d)", name->type);
    fputc('\n', f);
}

static void names_print(FILE *f, X509_EXTENSION *e)
{
    GENERAL_NAMES *names = X509V3_EXT_d2i(e);
    int count = sk_GENERAL_NAME_num(names);

    if (names == NULL)
        fputs("    (malformed)\n", f);
    for (int i = 0; i < count && i < SHOWN_NAMES; i++)
        name_print(f, sk_GENERAL_NAME_value(names, i));
    if (count > SHOWN_NAMES)
        fprintf(f, "    … and %d more\n", count - SHOWN_NAMES);
    GENERAL_NAMES_free(names);
}

static void extensions_print(const struct request *r, FILE *f)
{
    STACK_OF(X509_EXTENSION) *wishes = X509_REQ_get_extensions(r->csr);
    int count = sk_X509_EXTENSION_num(wishes);
    char name[80];

    for (int i = 0; i < count && i < SHOWN_NAMES; i++) {
        X509_EXTENSION *e = sk_X509_EXTENSION_value(wishes, i);

        OBJ_obj2txt(name, sizeof name, X509_EXTENSION_get_object(e), 0);
        fprintf(f, "  asked, ignored:  %s%s\n", name,
                X509_EXTENSION_get_critical(e) ? " (critical)" : "");
        if (OBJ_obj2nid(X509_EXTENSION_get_object(e)) == NID_subject_alt_name)
            names_print(f, e);
    }
    if (count > SHOWN_NAMES)
        fprintf(f, "  … and %d more\n", count - SHOWN_NAMES);
    sk_X509_EXTENSION_pop_free(wishes, X509_EXTENSION_free);
}

static void attributes_print(const struct request *r, FILE *f)
{
    int count = X509_REQ_get_attr_count(r->csr);
    char name[80];

    for (int i = 0; i < count && i < SHOWN_NAMES; i++) {
        ASN1_OBJECT *what =
            X509_ATTRIBUTE_get0_object(X509_REQ_get_attr(r->csr, i));

        if (OBJ_obj2nid(what) == NID_ext_req)
            continue;
        OBJ_obj2txt(name, sizeof name, what, 0);
        fprintf(f, "  asked, ignored:  attribute %s\n", name);
    }
}

static void key_print(const struct request *r, FILE *f)
{
    char text[FINGERPRINT_TEXT], head[FINGERPRINT_SHORT], why[256];
    const struct profile *p = NULL;
    const char *type = EVP_PKEY_get0_type_name(r->key);

    fprintf(f, "  key:             %s, %d bits",
            type == NULL ? "unknown" : type, EVP_PKEY_get_bits(r->key));
    if (profile_of_key(r->key, &p, why) == 0)
        fprintf(f, " (profile %s: %s)", p->name, p->key);
    fprintf(f, "\n  signature:       %s, %s\n",
            OBJ_nid2ln(X509_REQ_get_signature_nid(r->csr)),
            X509_REQ_verify(r->csr, r->key) == 1 ? "by its own key"
                                                 : "does NOT verify");
    fingerprint_text(r->sha256, text);
    fingerprint_short(r->sha256, head);
    fprintf(f,
            "  fingerprint:     %s\n"
            "  compare by voice: %s\n",
            text, head);
    ERR_clear_error();
}

void request_print(const struct request *r, FILE *f)
{
    subject_print(r, f);
    extensions_print(r, f);
    attributes_print(r, f);
    key_print(r, f);
    ERR_clear_error();
}
