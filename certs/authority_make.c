/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making authorities: the root, the issuing authority below it, and the way
 * between two machines. Used by the command alone. What comes from the other
 * machine is a request or certificates, checked as if a stranger had sent
 * them.
 */
#include "certs/authority_make.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/authority_parts.h"
#include "certs/certificate.h"
#include "certs/pem.h"
#include "certs/token.h"
#include "lib/clock.h"
#include "lib/file.h"

/* --- keys ---------------------------------------------------------------- */

static int key_from_token(int folder, const char *name,
                          const struct authority_key_plan *plan, EVP_PKEY **key,
                          char problem[256])
{
    char *line = NULL;
    int r;

    if (!token_is_uri(plan->uri) || strpbrk(plan->uri, "\r\n") != NULL ||
        strstr(plan->uri, "pin-value") != NULL)
        return authority_fail(problem, SP_EINVAL,
                              "the key's URI: expected \"pkcs11:…\" on one "
                              "line, without its PIN");
    if (asprintf(&line, "%s\n", plan->uri) < 0)
        return SP_ENOMEM;
    r = file_create(folder, name, 0600, line, strlen(line));
    free(line);
    if (r != 0)
        return authority_fail(problem, r, "%s: %s", name, sp_strerror(r));
    return authority_key_read(folder, name, plan->passphrase, key, problem);
}

static int key_new(int folder, const char *name,
                   const struct authority_key_plan *plan, EVP_PKEY **key,
                   char problem[256])
{
    const struct profile *p =
        profile_find(plan->curve == NULL ? "p256" : plan->curve);
    char *text;
    int r;

    if (p == NULL || p->curve == NULL || !p->made)
        return authority_fail(problem, SP_EINVAL,
                              "the key's curve: expected p256 or p384");
    if ((r = profile_make_key(p, key)) != 0)
        return authority_fail(problem, r, "the key cannot be made");
    text = authority_key_text(*key, plan->passphrase);
    r = text == NULL ? SP_ECRYPTO
                     : file_create(folder, name, 0600, text, strlen(text));
    authority_key_text_free(text);
    return r == 0 ? 0
                  : authority_fail(problem, r, "%s: %s", name, sp_strerror(r));
}

/* In its file, and open. */
static int key_place(int folder, const char *name,
                     const struct authority_key_plan *plan, EVP_PKEY **key,
                     char problem[256])
{
    const struct profile *profile;
    int r = plan->uri != NULL ? key_from_token(folder, name, plan, key, problem)
                              : key_new(folder, name, plan, key, problem);

    /* A token's key is anybody's: it must be worth as much as ours. */
    return r != 0 ? r : profile_of_key(*key, &profile, problem);
}

/* --- certificates -------------------------------------------------------- */

static int root_make(EVP_PKEY *key, const char *deployment, int64_t now,
                     int64_t ms, X509 **cert, char problem[256])
{
    const struct certificate_plan plan = {
        .kind = CERTIFICATE_ROOT,
        .organization = AUTHORITY_ROOT_O,
        .name = deployment,
        .from = now - AUTHORITY_SKEW_MS,
        .to = now + (ms == 0 ? AUTHORITY_ROOT_MS : ms),
        .key = key};
    char serial[CERTIFICATE_SERIAL_TEXT];
    int r = certificate_make(&plan, cert, serial);

    if (r != 0)
        pem_problem(problem, "the root's certificate cannot be made");
    return r;
}

struct issuing_plan {
    X509 *root;
    EVP_PKEY *root_key, *key;
    const char *deployment;
    int64_t now, ms;
};

static int issuing_make(const struct issuing_plan *i, X509 **cert,
                        struct authority_record *record, char problem[256])
{
    int64_t end = authority_end(i->root);
    struct certificate_plan plan = {
        .kind = CERTIFICATE_ISSUING,
        .organization = AUTHORITY_ISSUING_O,
        .name = i->deployment,
        .deployment = i->deployment,
        .from = i->now - AUTHORITY_SKEW_MS,
        .to = i->now + (i->ms == 0 ? AUTHORITY_ISSUING_MS : i->ms),
        .key = i->key,
        .issuer = i->root,
        .issuer_key = i->root_key};
    char serial[CERTIFICATE_SERIAL_TEXT];
    const struct profile *profile;
    int r;

    if (end <= i->now)
        return authority_fail(problem, SP_ERANGE, "the root has ended");
    if (plan.to > end)
        plan.to = end;
    if ((r = profile_of_key(i->key, &profile, problem)) != 0)
        return r;
    if ((r = certificate_make(&plan, cert, serial)) != 0) {
        pem_problem(problem, "the issuing certificate cannot be made");
        return r;
    }
    return authority_record_fill(*cert, serial, "-", "issuing-authority",
                                 profile->name, i->now, record);
}

/* --- both at once -------------------------------------------------------- */

static const char *const own_files[] = {"ca.crt", "ca.key", "issuing.crt",
                                        "issuing.key"};
#define OWN_FILES (sizeof own_files / sizeof own_files[0])

static int folder_check_fresh(int folder, char problem[256])
{
    struct stat st;

    for (size_t i = 0; i < OWN_FILES; i++) {
        if (fstatat(folder, own_files[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            return authority_fail(
                problem, SP_EEXIST,
                "%s exists: an authority is never overwritten", own_files[i]);
    }
    return 0;
}

struct making {
    const struct authority_plan *plan;
    int folder;
    int64_t now;
    EVP_PKEY *root_key, *issuing_key;
    X509 *root, *issuing;
};

static int cert_write(int folder, const char *name, X509 *cert,
                      char problem[256])
{
    char *pem = authority_cert_pem(cert);
    int r = pem == NULL ? SP_ENOMEM
                        : file_create(folder, name, 0644, pem, strlen(pem));

    free(pem);
    return r == 0 ? 0
                  : authority_fail(problem, r, "%s: %s", name, sp_strerror(r));
}

static int making_record(struct making *m, const struct authority_record *r,
                         char problem[256])
{
    struct authority_index index = {0};
    char *pem = authority_cert_pem(m->issuing);
    int fd = -1, e = pem == NULL ? SP_ENOMEM : 0;

    if (e == 0)
        e = authority_records_open(m->folder, AUTHORITY_ROOT, &fd);
    if (e == 0)
        e = authority_index_load(fd, &index, problem);
    if (e == 0)
        e = authority_record_add(fd, &index, r, pem);
    if (fd >= 0)
        close(fd);
    authority_index_release(&index);
    free(pem);
    return e == 0 ? 0
                  : authority_fail(problem, e, "authorities/index: %s",
                                   sp_strerror(e));
}

static int making_issuing(struct making *m, char problem[256])
{
    struct issuing_plan i = {.root = m->root,
                             .root_key = m->root_key,
                             .deployment = m->plan->deployment,
                             .now = m->now,
                             .ms = m->plan->issuing_ms};
    struct authority_record record;
    int r = key_place(m->folder, "issuing.key", &m->plan->issuing,
                      &m->issuing_key, problem);

    if (r != 0)
        return r;
    i.key = m->issuing_key;
    if ((r = issuing_make(&i, &m->issuing, &record, problem)) != 0 ||
        (r = file_make_folders(m->folder, AUTHORITY_ISSUED, 0700)) != 0 ||
        (r = making_record(m, &record, problem)) != 0)
        return r;
    return cert_write(m->folder, "issuing.crt", m->issuing, problem);
}

/* Keys before certificates: what says "here is an authority" comes last. */
static int making_run(struct making *m, char problem[256])
{
    int r =
        key_place(m->folder, "ca.key", &m->plan->root, &m->root_key, problem);

    if (r == 0)
        r = root_make(m->root_key, m->plan->deployment, m->now,
                      m->plan->root_ms, &m->root, problem);
    if (r == 0 && !m->plan->root_only)
        r = making_issuing(m, problem);
    if (r == 0)
        r = cert_write(m->folder, "ca.crt", m->root, problem);
    return r;
}

static void making_undo(const struct making *m)
{
    for (size_t i = 0; i < OWN_FILES; i++)
        (void)unlinkat(m->folder, own_files[i], 0);
}

int authority_create_as(const char *folder, const struct authority_plan *plan,
                        char problem[256])
{
    struct making m = {.plan = plan, .folder = -1, .now = clock_wall_ms()};
    int r;

    problem[0] = '\0';
    if ((r = authority_check_names(plan->deployment, NULL, NULL, problem)) != 0)
        return r;
    r = file_make_folders(AT_FDCWD, folder, 0700);
    if (r != 0)
        return authority_fail(problem, r, "%.180s: %s", folder, sp_strerror(r));
    r = authority_folder_open(AT_FDCWD, folder, &m.folder, problem);
    if (r != 0)
        return r;
    if ((r = folder_check_fresh(m.folder, problem)) == 0 &&
        (r = making_run(&m, problem)) != 0)
        making_undo(&m);
    close(m.folder);
    X509_free(m.root);
    X509_free(m.issuing);
    EVP_PKEY_free(m.root_key);
    EVP_PKEY_free(m.issuing_key);
    if (r != 0 && problem[0] == '\0')
        authority_fail(problem, r, "%s", sp_strerror(r));
    return r;
}

int authority_create(const char *folder, const char *deployment,
                     char problem[256])
{
    const struct authority_plan plan = {.deployment = deployment};

    return authority_create_as(folder, &plan, problem);
}

/* --- between two machines ------------------------------------------------ */

static char *csr_text(EVP_PKEY *key, const char *deployment)
{
    X509_REQ *csr = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME *name = csr == NULL ? NULL : X509_REQ_get_subject_name(csr);
    char *data = NULL, *text = NULL;
    long n;

    if (name != NULL && bio != NULL && X509_REQ_set_version(csr, 0) == 1 &&
        X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                   (const unsigned char *)AUTHORITY_ISSUING_O,
                                   -1, -1, 0) == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   (const unsigned char *)deployment, -1, -1,
                                   0) == 1 &&
        X509_REQ_set_pubkey(csr, key) == 1 &&
        X509_REQ_sign(csr, key,
                      EVP_PKEY_get_bits(key) > 256 ? EVP_sha384()
                                                   : EVP_sha256()) > 0 &&
        PEM_write_bio_X509_REQ(bio, csr) == 1 &&
        (n = BIO_get_mem_data(bio, &data)) > 0 &&
        (text = calloc(1, (size_t)n + 1)) != NULL)
        memcpy(text, data, (size_t)n);
    X509_REQ_free(csr);
    BIO_free(bio);
    ERR_clear_error();
    return text;
}

/* The key there is, or a new one. */
static int request_find_key(int folder, const struct authority_key_plan *plan,
                            EVP_PKEY **key, char problem[256])
{
    enum authority_key_state state;
    int r = authority_key_look(folder, "issuing.key", &state);

    if (r != 0)
        return authority_fail(problem, r, "issuing.key: %s", sp_strerror(r));
    if (state == AUTHORITY_KEY_NONE)
        return key_place(folder, "issuing.key", plan, key, problem);
    if (plan->uri != NULL)
        return authority_fail(problem, SP_EEXIST,
                              "issuing.key exists and is never overwritten: "
                              "move it away for another key");
    return authority_key_read(folder, "issuing.key", plan->passphrase, key,
                              problem);
}

int authority_request(const char *folder, const char *deployment,
                      const struct authority_key_plan *plan, char **csr,
                      char problem[256])
{
    EVP_PKEY *key = NULL;
    char *text = NULL;
    int fd = -1, r;

    problem[0] = '\0';
    if ((r = authority_check_names(deployment, NULL, NULL, problem)) != 0)
        return r;
    if ((r = file_make_folders(AT_FDCWD, folder, 0700)) != 0)
        return authority_fail(problem, r, "%.180s: %s", folder, sp_strerror(r));
    if ((r = authority_folder_open(AT_FDCWD, folder, &fd, problem)) != 0)
        return r;
    r = request_find_key(fd, plan, &key, problem);
    if (r == 0 && (text = csr_text(key, deployment)) == NULL)
        r = authority_fail(problem, SP_ECRYPTO, "the request cannot be made");
    if (r == 0)
        r = file_replace(fd, "issuing.csr", 0644, text, strlen(text));
    EVP_PKEY_free(key);
    close(fd);
    if (r == 0) {
        *csr = text;
        return 0;
    }
    free(text);
    return problem[0] != '\0'
               ? r
               : authority_fail(problem, r, "issuing.csr: %s", sp_strerror(r));
}

int authority_sign_issuing(struct authority *root, const struct request *r,
                           int64_t now, int64_t ms, char **pem,
                           struct authority_record *record, char problem[256])
{
    char *deployment = authority_deployment(root), *leaf = NULL, *top = NULL;
    struct issuing_plan plan = {.root = root->root,
                                .root_key = root->key,
                                .key = request_key(r),
                                .deployment = deployment,
                                .now = now,
                                .ms = ms};
    const struct profile *profile;
    X509 *cert = NULL;
    int e;

    problem[0] = '\0';
    if (deployment == NULL || root->key == NULL || root->part != AUTHORITY_ROOT)
        e = authority_fail(problem, SP_EPERM, "expected the root and its key");
    else if (authority_is_single(root->root))
        e = authority_fail(problem, SP_EPERM,
                           "ca.crt issues by itself (path length 0): expected "
                           "a root");
    else if (EVP_PKEY_eq(X509_get0_pubkey(root->root), plan.key) == 1)
        e = authority_fail(problem, SP_EEXIST,
                           "the request's key is the root's own: expected "
                           "another one");
    else if ((e = request_check(r, &profile, problem)) == 0 &&
             (e = authority_key_check(root->records, &root->index, plan.key,
                                      NULL, NULL, problem)) == 0)
        e = issuing_make(&plan, &cert, record, problem);
    if (e == 0 && ((leaf = authority_cert_pem(cert)) == NULL ||
                   (top = authority_cert_pem(root->root)) == NULL ||
                   asprintf(pem, "%s%s", leaf, top) < 0))
        e = SP_ENOMEM;
    else if (e == 0 && (e = authority_record_add(root->records, &root->index,
                                                 record, leaf)) != 0) {
        free(*pem);
        *pem = NULL;
    }
    X509_free(cert);
    free(deployment);
    free(leaf);
    free(top);
    if (e != 0 && problem[0] == '\0')
        authority_fail(problem, e, "%s", sp_strerror(e));
    return e;
}

/* --- installing ---------------------------------------------------------- */

static int install_check(X509 *issuing, X509 *root, const char *deployment,
                         char problem[256])
{
    char *name = authority_common_name(root);
    bool ours = name != NULL && strcmp(name, deployment) == 0;
    int64_t now = clock_wall_ms();

    free(name);
    if (X509_self_signed(root, 1) != 1 || X509_check_ca(root) != 1)
        return authority_fail(problem, SP_EPERM,
                              "the second certificate: expected the root's, "
                              "signed by itself");
    if (X509_check_issued(root, issuing) != X509_V_OK ||
        X509_verify(issuing, X509_get0_pubkey(root)) != 1)
        return authority_fail(problem, SP_EPERM,
                              "the first certificate: expected one that the "
                              "second vouches for");
    if (X509_check_ca(issuing) != 1 || X509_get_pathlen(issuing) != 0)
        return authority_fail(problem, SP_EPERM,
                              "the first certificate: expected an issuing "
                              "authority's, path length 0");
    if (!ours || !certificate_is_constrained(issuing, deployment))
        return authority_fail(problem, SP_EPERM,
                              "expected certificates for the deployment "
                              "\"%s\" alone, not for another",
                              deployment);
    if (authority_end(issuing) <= now || authority_end(root) <= now)
        return authority_fail(problem, SP_ERANGE,
                              "expected certificates that have not ended");
    return 0;
}

/* The request says which key was asked for, without opening it. */
static int install_check_key(int folder, X509 *issuing, char problem[256])
{
    struct request *request = NULL;
    uint8_t *pem = NULL;
    size_t length = 0;
    int r = file_read(folder, "issuing.csr", REQUEST_MAX, &pem, &length);

    if (r != 0)
        return authority_fail(problem, r,
                              "issuing.csr: %s: expected the request that was "
                              "signed",
                              sp_strerror(r));
    r = request_read(pem, length, &request, problem);
    if (r == 0 &&
        EVP_PKEY_eq(request_key(request), X509_get0_pubkey(issuing)) != 1)
        r = authority_fail(problem, SP_EPERM,
                           "the certificate is for another key than "
                           "issuing.csr asks for");
    request_free(request);
    free(pem);
    return r;
}

static int install_root(int folder, X509 *root, char problem[256])
{
    X509 *have = NULL;
    int r = authority_cert_read(folder, "ca.crt", &have, problem);

    if (r == SP_ENOENT)
        return cert_write(folder, "ca.crt", root, problem);
    if (r == 0 && X509_cmp(have, root) != 0)
        r = authority_fail(problem, SP_EPERM,
                           "ca.crt is another root's and is never "
                           "overwritten: move it away to begin anew");
    X509_free(have);
    return r;
}

static int install_issuing(int folder, X509 *issuing, char problem[256])
{
    X509 *have = NULL;
    char *pem;
    int r = authority_cert_read(folder, "issuing.crt", &have, problem);

    if (r == SP_ENOENT)
        return cert_write(folder, "issuing.crt", issuing, problem);
    if (r != 0)
        return r;
    r = EVP_PKEY_eq(X509_get0_pubkey(have), X509_get0_pubkey(issuing)) == 1
            ? 0
            : authority_fail(problem, SP_EPERM,
                             "issuing.crt is for another key and is never "
                             "overwritten: move it away to begin anew");
    if (r == 0 && authority_end(issuing) <= authority_end(have))
        r = authority_fail(problem, SP_EEXIST,
                           "nothing would be gained: issuing.crt does not end "
                           "earlier");
    X509_free(have);
    pem = r == 0 ? authority_cert_pem(issuing) : NULL;
    if (r == 0)
        r = pem == NULL
                ? SP_ENOMEM
                : file_replace(folder, "issuing.crt", 0644, pem, strlen(pem));
    free(pem);
    return r;
}

int authority_install(const char *folder, const char *deployment,
                      const uint8_t *pem, size_t length, char problem[256])
{
    STACK_OF(X509) *certs = NULL;
    X509 *issuing, *root;
    int fd = -1, r;

    problem[0] = '\0';
    if ((r = pem_read_certificates(pem, length, &certs, problem)) != 0)
        return r;
    if (sk_X509_num(certs) != 2) {
        sk_X509_pop_free(certs, X509_free);
        return authority_fail(problem, SP_EINVAL,
                              "expected two certificates: the issuing "
                              "authority's and the root's");
    }
    issuing = sk_X509_value(certs, 0);
    root = sk_X509_value(certs, 1);
    if ((r = install_check(issuing, root, deployment, problem)) == 0 &&
        (r = authority_folder_open(AT_FDCWD, folder, &fd, problem)) == 0 &&
        (r = install_check_key(fd, issuing, problem)) == 0 &&
        (r = install_root(fd, root, problem)) == 0)
        r = install_issuing(fd, issuing, problem);
    if (fd >= 0)
        close(fd);
    sk_X509_pop_free(certs, X509_free);
    if (r != 0 && problem[0] == '\0')
        authority_fail(problem, r, "%s", sp_strerror(r));
    return r;
}

/* --- passphrases -----------------------------------------------------------
 */

int authority_change_passphrase(const char *folder, enum authority_part part,
                                const char *from, const char *to,
                                char problem[256])
{
    const struct authority_opening opening = {.at = AT_FDCWD,
                                              .folder = folder,
                                              .part = part,
                                              .with_key = true,
                                              .passphrase = from};
    enum authority_key_state state;
    struct authority *a = NULL;
    const char *name;
    char *text = NULL;
    int r = authority_look_key(AT_FDCWD, folder, part, &state);

    if (r != 0)
        return authority_fail(problem, r, "%.180s: %s", folder, sp_strerror(r));
    if (state == AUTHORITY_KEY_TOKEN)
        return authority_fail(problem, SP_EUNSUPPORTED,
                              "a token keeps the key: its PIN is changed with "
                              "the token's own tools");
    if ((r = authority_open(&opening, &a, problem)) != 0)
        return r;
    name = authority_key_name(part, authority_is_single(a->root));
    text = authority_key_text(a->key, to);
    r = text == NULL ? SP_ECRYPTO
                     : file_replace(a->folder, name, 0600, text, strlen(text));
    authority_key_text_free(text);
    authority_close(a);
    return r == 0 ? 0
                  : authority_fail(problem, r, "%s: %s", name, sp_strerror(r));
}
