/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport enrol start`: a key and a request for its certificate. Runs on the
 * machine of the person who will have access.
 */
#include <fcntl.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/certificate.h"
#include "certs/fingerprint.h"
#include "certs/token.h"
#include "ctl/credential.h"
#include "ctl/deployment.h"
#include "ctl/enrol.h"
#include "ctl/password.h"
#include "ctl/verbs.h"
#include "lib/file.h"

static const char usage[] =
    "usage: sallyport enrol start --party PARTY --person PERSON\n"
    "                             [--deployment ID] [--key pkcs11:URI] "
    "[--rsa]\n"
    "                             [--passphrase | --passphrase-file FILE] "
    "[DIR]\n"
    "\n"
    "Makes a key for you and a file to send to the developer. PARTY is your\n"
    "organisation's name and PERSON yours, as the developer has written them "
    "to you.\n"
    "\n"
    "  --deployment ID    the gateway's id, if the developer told it to you\n"
    "  --key pkcs11:URI   the key is on a card or token: only the request is "
    "made\n"
    "                     here (docs/cards.md). The PIN is asked for\n"
    "  --rsa              RSA with 3072 bits, for programs that know nothing "
    "else;\n"
    "                     otherwise P-256\n"
    "  --passphrase       asks for a passphrase that protects the key's file;\n"
    "                     every use of the key will ask for it\n"
    "  --passphrase-file FILE\n"
    "                     has it, or the PIN of the token, on its first line\n"
    "\n"
    "Your key is readable by you alone. Nothing is overwritten. Exit status: "
    "0,\n"
    "1 if it failed, 2 for wrong usage.\n";

struct start {
    const char *party, *person, *deployment, *token, *passphrase_file;
    bool rsa, passphrase;
    char folder[PATH_MAX];
    EVP_PKEY *key;
};

static int complain(int status, const char *format, ...) SP_PRINTF(2, 3);

static int complain(int status, const char *format, ...)
{
    va_list list;

    fputs("sallyport enrol start: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

/* ---- what was asked for ---- */

static bool name_is_good(const char *name)
{
    return name[0] != '\0' && name[0] != '-' && name[0] != '.' &&
           strlen(name) <= 64 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._@+")] ==
               '\0';
}

static int arguments_check(const struct start *s)
{
    if (!name_is_good(s->party) || !name_is_good(s->person))
        return complain(EXIT_MISUSED,
                        "--party and --person: expected the names that the "
                        "developer gave you: letters, digits, - . _ @ +");
    if (s->deployment != NULL && !word_is(s->deployment, "-", 63))
        return complain(EXIT_MISUSED,
                        "--deployment %s: expected an id of a-z, 0-9 and -",
                        s->deployment);
    if (s->token != NULL && !token_is_uri(s->token))
        return complain(EXIT_MISUSED,
                        "--key: expected a pkcs11: URI of a key on a token; "
                        "without --key one is made in a file");
    if (s->token != NULL && strstr(s->token, "pin-value") != NULL)
        return complain(EXIT_MISUSED,
                        "--key: the PIN would be kept in a file: expected "
                        "pin-source=file:/PATH, or none to be asked");
    if (s->token != NULL && (s->rsa || s->passphrase))
        return complain(EXIT_MISUSED,
                        "--rsa and --passphrase are for keys that are made "
                        "here, not for one on a token");
    if (s->passphrase && s->passphrase_file != NULL)
        return complain(EXIT_MISUSED,
                        "expected --passphrase or --passphrase-file, not both");
    return EXIT_HOLDS;
}

static int folder_choose(struct start *s, const char *given)
{
    char base[PATH_MAX];
    int r = 0, n;

    if (given == NULL && enrolment_base(base) != 0)
        return complain(EXIT_FAILS, "where to? HOME is not set: expected DIR");
    if (given != NULL)
        n = snprintf(s->folder, sizeof s->folder, "%s", given);
    else
        n = snprintf(s->folder, sizeof s->folder, "%s/%s-%s", base, s->party,
                     s->person);
    if (n >= (int)sizeof s->folder - 32)
        return complain(EXIT_FAILS, "%s", sp_strerror(SP_ETOOBIG));
    r = file_make_folders(AT_FDCWD, s->folder, 0700);
    return r == 0 ? EXIT_HOLDS
                  : complain(EXIT_FAILS, "%s: %s", s->folder, sp_strerror(r));
}

static int folder_check(const struct start *s)
{
    static const char *const names[] = {ENROLMENT_WHO, ENROLMENT_KEY,
                                        ENROLMENT_REQUEST};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = path_join(s->folder, names[i]);
        bool there = path == NULL || access(path, F_OK) == 0;

        free(path);
        if (there)
            return complain(EXIT_FAILS,
                            "%s/%s is there already; nothing is overwritten: "
                            "go on with `sallyport enrol finish`, or name "
                            "another folder",
                            s->folder, names[i]);
    }
    return EXIT_HOLDS;
}

/* ---- the key ---- */

static int key_get(struct start *s)
{
    char problem[CREDENTIAL_PROBLEM];

    if (s->token != NULL)
        return credential_key(s->token, s->passphrase_file, &s->key, problem) ==
                       0
                   ? EXIT_HOLDS
                   : complain(EXIT_FAILS, "%s", problem);
    s->key = s->rsa ? EVP_RSA_gen(3072) : EVP_EC_gen("P-256");
    return s->key != NULL
               ? EXIT_HOLDS
               : complain(EXIT_FAILS, "OpenSSL makes no key: %s",
                          ERR_reason_error_string(ERR_peek_last_error()));
}

/* scrypt with what OpenSSL reads without being told: 16 MiB. RFC 7914. */
static X509_SIG *key_lock(EVP_PKEY *key, const char *passphrase)
{
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
    X509_ALGOR *how =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, 16384, 8, 1);
    X509_SIG *locked = NULL;

    if (plain != NULL && how != NULL)
        locked =
            PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, how);
    if (locked == NULL)
        X509_ALGOR_free(how);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return locked;
}

static int key_print(BIO *out, EVP_PKEY *key, const char *passphrase)
{
    X509_SIG *locked;
    int done;

    if (passphrase == NULL)
        return PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL,
                                             NULL) == 1
                   ? 0
                   : SP_ECRYPTO;
    if ((locked = key_lock(key, passphrase)) == NULL)
        return SP_ECRYPTO;
    done = PEM_write_bio_PKCS8(out, locked);
    X509_SIG_free(locked);
    return done == 1 ? 0 : SP_ECRYPTO;
}

static int key_save(const struct start *s)
{
    bool wanted = s->passphrase || s->passphrase_file != NULL;
    char passphrase[PASSWORD_SIZE] = "", *data = NULL;
    BIO *out;
    int r = 0;

    if (s->token != NULL)
        return EXIT_HOLDS;
    if (wanted &&
        password_get(s->passphrase_file, "Passphrase for your new key: ", true,
                     passphrase) != 0)
        return EXIT_FAILS;
    out = BIO_new(BIO_s_secmem());
    r = out == NULL ? SP_ENOMEM
                    : key_print(out, s->key, wanted ? passphrase : NULL);
    sodium_memzero(passphrase, sizeof passphrase);
    if (r == 0) {
        long n = BIO_get_mem_data(out, &data);
        r = enrolment_write(s->folder, ENROLMENT_KEY, 0600, data, (size_t)n);
    }
    BIO_free(out);
    return r == 0 ? EXIT_HOLDS
                  : complain(EXIT_FAILS, "%s/%s: %s", s->folder, ENROLMENT_KEY,
                             sp_strerror(r));
}

/* ---- the request ---- */

static int name_add(X509_NAME *name, const char *type, const char *value)
{
    return X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
                                      (const unsigned char *)value, -1, -1, 0);
}

/* What the developer's authority will put into the certificate anyhow; here it
 * is for who reads the request with other programs. */
static int alternatives_add(X509_REQ *request, const struct start *s)
{
    STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
    GENERAL_NAMES *names = NULL;
    X509_EXTENSION *e = NULL;
    int good = all != NULL &&
               alternatives_of_person(s->deployment, s->party, s->person,
                                      &names) == 0 &&
               (e = X509V3_EXT_i2d(NID_subject_alt_name, 0, names)) != NULL &&
               sk_X509_EXTENSION_push(all, e) > 0;

    if (good)
        good = X509_REQ_add_extensions(request, all);
    else
        X509_EXTENSION_free(e);
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
    return good;
}

static X509_REQ *request_make(const struct start *s)
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME *name =
        request == NULL ? NULL : X509_REQ_get_subject_name(request);

    if (name != NULL && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
        name_add(name, "O", s->party) && name_add(name, "CN", s->person) &&
        X509_REQ_set_pubkey(request, s->key) &&
        (s->deployment == NULL || alternatives_add(request, s)) &&
        X509_REQ_sign(request, s->key, EVP_sha256()) > 0)
        return request;
    X509_REQ_free(request);
    return NULL;
}

static int request_save(const struct start *s)
{
    X509_REQ *request = request_make(s);
    BIO *out = BIO_new(BIO_s_mem());
    const char *why;
    char *data = NULL;
    int r = SP_ECRYPTO;

    if (request != NULL && out != NULL &&
        PEM_write_bio_X509_REQ(out, request) == 1) {
        long n = BIO_get_mem_data(out, &data);
        r = enrolment_write(s->folder, ENROLMENT_REQUEST, 0644, data,
                            (size_t)n);
    }
    why = ERR_reason_error_string(ERR_peek_last_error());
    X509_REQ_free(request);
    BIO_free(out);
    return r == 0 ? EXIT_HOLDS
                  : complain(
                        EXIT_FAILS, "%s/%s: %s", s->folder, ENROLMENT_REQUEST,
                        r == SP_ECRYPTO && why != NULL ? why : sp_strerror(r));
}

/* ---- what to do with it ---- */

static int story_tell(const struct start *s)
{
    char text[FINGERPRINT_TEXT], few[FINGERPRINT_SHORT];
    uint8_t sha256[32];

    if (fingerprint_of_key(s->key, sha256) != 0)
        return complain(EXIT_FAILS, "the key cannot be hashed");
    fingerprint_text(sha256, text);
    fingerprint_short(sha256, few);
    if (s->token == NULL)
        printf("made  %s/%s  your key: nobody else needs it, ever\n", s->folder,
               ENROLMENT_KEY);
    printf("made  %s/%s  the file to send\n\n"
           "Your key's fingerprint: %s\n"
           "                 whole: %s\n\n"
           "1. Send the file %s to the developer, by mail for example. It is "
           "not secret.\n"
           "2. When the developer calls you, or you call them on a number that "
           "you knew\n"
           "   before, read the fingerprint out. They must see the same.\n"
           "3. They send you a file back, a bundle. Then:\n"
           "   sallyport enrol finish BUNDLE %s\n",
           s->folder, ENROLMENT_REQUEST, few, text, ENROLMENT_REQUEST,
           s->folder);
    return EXIT_HOLDS;
}

/* The key's file first, ENROLMENT_WHO last: what is there then is whole. */
static int start_run(struct start *s)
{
    int status = folder_check(s), r;

    if (status == EXIT_HOLDS)
        status = key_get(s);
    if (status == EXIT_HOLDS)
        status = key_save(s);
    if (status == EXIT_HOLDS)
        status = request_save(s);
    if (status == EXIT_HOLDS) {
        r = enrolment_begin(s->folder, s->party, s->person, s->deployment,
                            s->token != NULL ? s->token : ENROLMENT_KEY);
        if (r != 0)
            status = complain(EXIT_FAILS, "%s/%s: %s", s->folder, ENROLMENT_WHO,
                              sp_strerror(r));
    }
    if (status == EXIT_HOLDS)
        status = story_tell(s);
    EVP_PKEY_free(s->key);
    return status;
}

static bool option_take(struct start *s, int c)
{
    switch (c) {
    case 'p':
        s->party = optarg;
        return true;
    case 'n':
        s->person = optarg;
        return true;
    case 'd':
        s->deployment = optarg;
        return true;
    case 'k':
        s->token = optarg;
        return true;
    case 'f':
        s->passphrase_file = optarg;
        return true;
    case 'r':
        return s->rsa = true;
    case 'w':
        return s->passphrase = true;
    default:
        return false;
    }
}

int enrol_start(int argc, char **argv)
{
    static const struct option options[] = {
        {"party", required_argument, NULL, 'p'},
        {"person", required_argument, NULL, 'n'},
        {"deployment", required_argument, NULL, 'd'},
        {"key", required_argument, NULL, 'k'},
        {"passphrase-file", required_argument, NULL, 'f'},
        {"rsa", no_argument, NULL, 'r'},
        {"passphrase", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct start s = {0};
    bool good = true;
    int status;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        good = option_take(&s, c) && good;
    }
    if (!good || s.party == NULL || s.person == NULL || argc - optind > 1 ||
        sodium_init() < 0) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    if ((status = arguments_check(&s)) == EXIT_HOLDS &&
        (status = folder_choose(&s, argv[optind])) == EXIT_HOLDS)
        status = start_run(&s);
    return status;
}
