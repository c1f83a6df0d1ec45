/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport ca request, sign-intermediate, install: the issuing authority's
 * certificate from a root on another machine. Files are carried; who carries
 * them is trusted with nothing, hence the fingerprints on both sides.
 */
#include "ctl/ca_root.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/authority_make.h"
#include "certs/fingerprint.h"
#include "lib/clock.h"
#include "lib/file.h"

#define ISSUING_DAYS_MAX (10 * 365)
#define BUNDLE_MAX       65536

/* In the authority's folder, for the deployment that it is of. */
static int at_place(const struct ca_options *o,
                    int (*run)(const struct ca_options *o, const char *folder,
                               const char *deployment))
{
    struct ca_place place;
    const char *deployment;
    int status = ca_place_find(o, false, &place);

    if (status != EXIT_HOLDS)
        return status;
    deployment = ca_place_deployment(o, &place);
    status = deployment == NULL ? EXIT_FAILS : run(o, place.folder, deployment);
    ca_place_release(&place);
    return status;
}

/* --- request ------------------------------------------------------------- */

static int csr_print(const char *folder, const char *csr)
{
    char text[FINGERPRINT_TEXT], head[FINGERPRINT_SHORT], problem[256];
    struct request *r = NULL;

    if (request_read((const uint8_t *)csr, strlen(csr), &r, problem) != 0)
        return ca_complain(EXIT_FAILS, "%s", problem);
    fingerprint_text(request_fingerprint(r), text);
    fingerprint_short(request_fingerprint(r), head);
    request_free(r);
    printf("made  %s/issuing.csr  take it to the root's machine\n"
           "its key: %s\n"
           "  to compare by voice: %s\n"
           "There: sallyport ca sign-intermediate DIR --csr issuing.csr\n",
           folder, text, head);
    return EXIT_HOLDS;
}

/* The key there is may be encrypted: then its passphrase is asked once. */
static int request_passphrase(const struct ca_options *o, const char *folder,
                              char passphrase[PASSWORD_SIZE], bool *have)
{
    enum authority_key_state state = AUTHORITY_KEY_NONE;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 && authority_key_look(fd, "issuing.key", &state) != 0)
        state = AUTHORITY_KEY_NONE;
    if (fd >= 0)
        close(fd);
    if (state == AUTHORITY_KEY_NONE)
        return ca_new_passphrase(o, false, passphrase, have);
    *have = state == AUTHORITY_KEY_ENCRYPTED ||
            (state == AUTHORITY_KEY_TOKEN && o->passphrase_file != NULL);
    if (*have &&
        password_get(o->passphrase_file,
                     "Passphrase of the issuing key: ", false, passphrase) != 0)
        return EXIT_FAILS;
    return EXIT_HOLDS;
}

static int request_at(const struct ca_options *o, const char *folder,
                      const char *deployment)
{
    struct authority_key_plan plan = {.uri = o->key, .curve = o->profile};
    char passphrase[PASSWORD_SIZE] = "", problem[256], *csr = NULL;
    bool have = false;
    int status = request_passphrase(o, folder, passphrase, &have), r;

    ca_ask_for_pins();
    if (status != EXIT_HOLDS)
        return status;
    plan.passphrase = have ? passphrase : NULL;
    r = authority_request(folder, deployment, &plan, &csr, problem);
    OPENSSL_cleanse(passphrase, sizeof passphrase);
    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", folder, problem);
    status = csr_print(folder, csr);
    free(csr);
    return status;
}

int ca_run_request(const struct ca_options *o)
{
    return at_place(o, request_at);
}

/* --- sign-intermediate --------------------------------------------------- */

static int signing_show(const struct ca_options *o, struct authority *a,
                        const struct request *r, int64_t ms)
{
    char *deployment = authority_deployment(a), until[CLOCK_UTC_SIZE];
    char problem[256] = "";
    const struct profile *profile;
    int e = request_check(r, &profile, problem);

    printf("The request %s:\n", o->csr);
    request_print(r, stdout);
    clock_format_utc(clock_wall_ms() + (ms == 0 ? AUTHORITY_ISSUING_MS : ms),
                     until);
    printf("It is for an issuing authority:\n"
           "  deployment:      %s, people's URIs sallyport://%s/… alone\n"
           "  below it:        people and servers, no other authority\n"
           "  until:           %s, or the root's end\n",
           deployment == NULL ? "?" : deployment,
           deployment == NULL ? "?" : deployment, until);
    free(deployment);
    return e == 0 ? EXIT_HOLDS : ca_complain(EXIT_FAILS, "%s", problem);
}

static int signing_write(const struct ca_options *o, const char *pem)
{
    const char *out = o->out != NULL ? o->out : "issuing.pem";
    char *path = o->out != NULL ? strdup(out) : path_join(o->folder, out);
    int r = path == NULL ? SP_ENOMEM
                         : file_create(AT_FDCWD, path, 0644, pem, strlen(pem));

    if (r == 0)
        printf("made  %s  take it back; there: sallyport ca install DIR %s\n",
               path,
               strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1);
    else
        ca_complain(EXIT_FAILS, "%s: %s", path == NULL ? out : path,
                    r == SP_EEXIST ? "exists and is not overwritten: name "
                                     "another with --out"
                                   : sp_strerror(r));
    free(path);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

/* Asked before anything is signed. */
static int signing_check_out(const struct ca_options *o)
{
    char *path =
        o->out != NULL ? strdup(o->out) : path_join(o->folder, "issuing.pem");
    bool there = path != NULL && access(path, F_OK) == 0;

    free(path);
    return there ? ca_complain(EXIT_FAILS,
                               "%s exists and is not overwritten: move it away "
                               "or name another with --out",
                               o->out != NULL ? o->out : "issuing.pem")
                 : EXIT_HOLDS;
}

/* Shown before anybody is asked for a passphrase. */
static int signing_run(const struct ca_options *o, const struct ca_place *place,
                       const struct request *r, int64_t ms)
{
    struct authority_record record;
    struct authority *a = NULL;
    char problem[256], *pem = NULL;
    int status = ca_open(o, place, AUTHORITY_ROOT, false, &a);

    if (status == EXIT_HOLDS)
        status = signing_show(o, a, r, ms);
    authority_close(a);
    a = NULL;
    (void)fflush(stdout);
    if (status != EXIT_HOLDS || o->show ||
        (status = ca_open(o, place, AUTHORITY_ROOT, true, &a)) != EXIT_HOLDS)
        return status;
    if (authority_sign_issuing(a, r, clock_wall_ms(), ms, &pem, &record,
                               problem) != 0)
        status = ca_complain(EXIT_FAILS, "%s: %s", o->csr, problem);
    else
        status = signing_write(o, pem);
    free(pem);
    authority_close(a);
    return status;
}

int ca_run_sign_intermediate(const struct ca_options *o)
{
    struct request *r = NULL;
    struct ca_place place;
    int64_t ms = 0;
    int status = ca_days("--days", o->days, ISSUING_DAYS_MAX, &ms);

    if (o->csr == NULL)
        return ca_complain(EXIT_MISUSED,
                           "sign-intermediate: expected --csr FILE");
    if (status != EXIT_HOLDS ||
        (!o->show && (status = signing_check_out(o)) != EXIT_HOLDS) ||
        (status = ca_read_request(o->csr, &r)) != EXIT_HOLDS)
        return status;
    status = ca_place_find(o, false, &place);
    if (status == EXIT_HOLDS) {
        status = signing_run(o, &place, r, ms);
        ca_place_release(&place);
    }
    request_free(r);
    return status;
}

/* --- install ------------------------------------------------------------- */

static int install_at(const struct ca_options *o, const char *folder,
                      const char *deployment)
{
    char problem[256] = "";
    uint8_t *pem = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, o->file, BUNDLE_MAX, &pem, &length);

    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", o->file, sp_strerror(r));
    r = authority_install(folder, deployment, pem, length, problem);
    free(pem);
    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", o->file,
                           problem[0] != '\0' ? problem : sp_strerror(r));
    printf("made  %s/ca.crt  the root's certificate: give it to those who "
           "connect\n"
           "made  %s/issuing.crt  the issuing authority's certificate\n",
           folder, folder);
    return ca_print_root(folder);
}

int ca_run_install(const struct ca_options *o)
{
    return at_place(o, install_at);
}
