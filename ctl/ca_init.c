/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport ca init, passphrase: makes an authority, root and issuing at once
 * or the root alone, and encrypts its keys. Runs as the operator.
 */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/authority_make.h"
#include "certs/fingerprint.h"
#include "ctl/ca_parts.h"
#include "ctl/ca_root.h"

#define ROOT_DAYS_MAX    (30 * 365)
#define ISSUING_DAYS_MAX (10 * 365)

int ca_print_root(const char *folder)
{
    const struct authority_opening opening = {
        .at = AT_FDCWD, .folder = folder, .part = AUTHORITY_ROOT};
    char text[FINGERPRINT_TEXT], head[FINGERPRINT_SHORT], problem[256];
    struct authority *a = NULL;
    uint8_t sha256[32];
    int r = authority_open(&opening, &a, problem);

    if (r == 0)
        r = fingerprint_of_key(X509_get0_pubkey(authority_certificate(a)),
                               sha256);
    authority_close(a);
    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", folder, problem);
    fingerprint_text(sha256, text);
    fingerprint_short(sha256, head);
    printf("the root's key: %s\n"
           "  to compare by voice: %s\n",
           text, head);
    return EXIT_HOLDS;
}

/* A passphrase is asked for where the root is alone, elsewhere on demand. */
int ca_new_passphrase(const struct ca_options *o, bool wanted,
                      char passphrase[PASSWORD_SIZE], bool *have)
{
    *have = false;
    if (o->no_passphrase && (o->passphrase_file != NULL || o->ask_passphrase))
        return ca_complain(EXIT_MISUSED,
                           "--no-passphrase: expected no other passphrase");
    if (o->no_passphrase ||
        (!wanted && o->passphrase_file == NULL && !o->ask_passphrase))
        return EXIT_HOLDS;
    if (password_get(o->passphrase_file, "Passphrase for the new key: ", true,
                     passphrase) != 0)
        return EXIT_FAILS;
    *have = true;
    return EXIT_HOLDS;
}

static void made_print(const struct ca_options *o, const char *folder,
                       bool secret)
{
    printf("made  %s/ca.crt  the root's certificate: give it to those who "
           "connect\n"
           "made  %s/ca.key  the root's key%s: keep it from everybody\n",
           folder, folder,
           o->root_key != NULL ? ", on its token"
           : secret            ? ", encrypted"
                               : "");
    if (o->offline)
        return;
    printf("made  %s/issuing.crt  the issuing authority's certificate\n"
           "made  %s/issuing.key  its key%s\n",
           folder, folder,
           o->key != NULL ? ", on its token"
           : secret       ? ", encrypted"
                          : "");
}

static int plan_fill(const struct ca_options *o, struct authority_plan *plan)
{
    int status;

    plan->root_only = o->offline;
    plan->root.uri = o->root_key;
    plan->issuing.uri = o->key;
    plan->root.curve = plan->issuing.curve = o->profile;
    if (o->profile != NULL && strcmp(o->profile, "p256") != 0 &&
        strcmp(o->profile, "p384") != 0)
        return ca_complain(EXIT_MISUSED, "--curve %s: expected p256 or p384",
                           o->profile);
    if (o->offline && (o->key != NULL || o->days != NULL))
        return ca_complain(EXIT_MISUSED,
                           "--offline makes the root alone: expected "
                           "--root-key or --root-days");
    status = ca_days("--days", o->days, ISSUING_DAYS_MAX, &plan->issuing_ms);
    return status != EXIT_HOLDS ? status
                                : ca_days("--root-days", o->root_days,
                                          ROOT_DAYS_MAX, &plan->root_ms);
}

static int init_at(const struct ca_options *o, const char *folder,
                   const struct authority_plan *plan, bool secret)
{
    char problem[256];
    int r = authority_create_as(folder, plan, problem);

    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", folder, problem);
    made_print(o, folder, secret);
    return ca_print_root(folder);
}

int ca_run_init(const struct ca_options *o)
{
    char passphrase[PASSWORD_SIZE] = "";
    struct authority_plan plan = {0};
    struct ca_place place;
    bool have = false;
    int status = plan_fill(o, &plan);

    if (status != EXIT_HOLDS ||
        (status = ca_place_find(o, false, &place)) != EXIT_HOLDS)
        return status;
    plan.deployment = ca_place_deployment(o, &place);
    if (plan.deployment == NULL)
        status = place.d.settings != NULL ? EXIT_MISUSED : EXIT_FAILS;
    else
        status = ca_new_passphrase(o, o->offline && o->root_key == NULL,
                                   passphrase, &have);
    if (o->key != NULL || o->root_key != NULL)
        ca_ask_for_pins();
    plan.root.passphrase = plan.issuing.passphrase = have ? passphrase : NULL;
    if (status == EXIT_HOLDS)
        status = init_at(o, place.folder, &plan, have);
    OPENSSL_cleanse(passphrase, sizeof passphrase);
    ca_place_release(&place);
    return status;
}

/* --- passphrase ------------------------------------------------------------
 */

static int passphrase_change(const struct ca_options *o,
                             const struct ca_place *place,
                             enum authority_part part, const char *from,
                             bool encrypted)
{
    char to[PASSWORD_SIZE] = "", problem[256];
    int r;

    if (!o->no_passphrase &&
        password_get(o->new_passphrase_file, "New passphrase: ", true, to) != 0)
        return EXIT_FAILS;
    r = authority_change_passphrase(place->folder, part,
                                    encrypted ? from : NULL,
                                    o->no_passphrase ? NULL : to, problem);
    OPENSSL_cleanse(to, sizeof to);
    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", place->folder, problem);
    printf("%s's key is %s\n",
           part == AUTHORITY_ROOT ? "the root"
                                  : "the "
                                    "issuing "
                                    "authority",
           o->no_passphrase ? "no longer encrypted" : "encrypted");
    return EXIT_HOLDS;
}

int ca_run_passphrase(const struct ca_options *o)
{
    enum authority_part part = o->root ? AUTHORITY_ROOT : AUTHORITY_ISSUING;
    enum authority_key_state state = AUTHORITY_KEY_NONE;
    char from[PASSWORD_SIZE] = "";
    struct ca_place place;
    int status, r;

    if (o->no_passphrase && o->new_passphrase_file != NULL)
        return ca_complain(EXIT_MISUSED,
                           "--no-passphrase: expected no other passphrase");
    if ((status = ca_place_find(o, false, &place)) != EXIT_HOLDS)
        return status;
    r = authority_look_key(AT_FDCWD, place.folder, part, &state);
    if (r != 0)
        status =
            ca_complain(EXIT_FAILS, "%s: %s", place.folder, sp_strerror(r));
    else if (state == AUTHORITY_KEY_ENCRYPTED &&
             password_get(o->passphrase_file, "Its passphrase now: ", false,
                          from) != 0)
        status = EXIT_FAILS;
    if (status == EXIT_HOLDS)
        status = passphrase_change(o, &place, part, from,
                                   state == AUTHORITY_KEY_ENCRYPTED);
    OPENSSL_cleanse(from, sizeof from);
    ca_place_release(&place);
    return status;
}
