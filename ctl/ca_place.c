/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an authority is, and how its keys are opened. Runs as the operator;
 * passphrases come from the terminal or a file and are wiped.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/token.h"
#include "ctl/ca_parts.h"
#include "lib/file.h"

int ca_complain(int status, const char *format, ...)
{
    va_list list;

    fputs("sallyport ca: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

/* The folder of the authority's certificate, malloc'd. Its key and records
 * have fixed names beside it. */
static char *settings_folder(const struct settings *s)
{
    char *path = settings_path(s, s->authority);
    char *slash = path == NULL ? NULL : strrchr(path, '/');

    if (path == NULL)
        return NULL;
    if (strcmp(slash == NULL ? path : slash + 1, "ca.crt") != 0) {
        ca_complain(EXIT_FAILS,
                    "sallyport.yaml: authority \"%s\": expected a file named "
                    "ca.crt: this authority is not one of ours",
                    s->authority);
        free(path);
        return NULL;
    }
    if (slash == NULL)
        strcpy(path, "."); /* "ca.crt" is longer */
    else
        *(slash == path ? slash + 1 : slash) = '\0';
    return path;
}

static bool settings_exist(const char *folder)
{
    char *path = path_join(folder, "sallyport.yaml");
    bool there = path != NULL && access(path, F_OK) == 0;

    free(path);
    return there;
}

int ca_place_find(const struct ca_options *o, bool with_policy,
                  struct ca_place *place)
{
    *place = (struct ca_place){0};
    if (!settings_exist(o->folder) && !with_policy) {
        place->folder = path_join(o->folder, "ca");
    } else {
        if (deployment_load(o->folder, with_policy, stderr, &place->d) != 0)
            return EXIT_FAILS;
        place->folder = settings_folder(place->d.settings);
    }
    if (place->folder != NULL)
        return EXIT_HOLDS;
    ca_place_release(place);
    return EXIT_FAILS;
}

void ca_place_release(struct ca_place *place)
{
    free(place->folder);
    deployment_release(&place->d);
    *place = (struct ca_place){0};
}

const char *ca_place_deployment(const struct ca_options *o,
                                const struct ca_place *place)
{
    if (place->d.settings == NULL) {
        if (o->deployment == NULL)
            ca_complain(EXIT_FAILS,
                        "%s has no sallyport.yaml: expected a deployment, or "
                        "--deployment ID",
                        o->folder);
        return o->deployment;
    }
    if (o->deployment == NULL)
        return place->d.settings->deployment;
    ca_complain(EXIT_MISUSED,
                "--deployment: %s/sallyport.yaml says which deployment it is: "
                "expected no option",
                o->folder);
    return NULL;
}

/* --- keys ---------------------------------------------------------------- */

static int pin_ask(const char *label, char pin[TOKEN_PIN_SIZE])
{
    char prompt[160], text[PASSWORD_SIZE];
    int r;

    snprintf(prompt, sizeof prompt, "PIN of the token \"%.64s\": ", label);
    r = password_get(NULL, prompt, false, text);
    if (r == 0 && strlen(text) >= TOKEN_PIN_SIZE) {
        ca_complain(EXIT_FAILS, "the PIN: expected less than %d characters",
                    TOKEN_PIN_SIZE);
        r = SP_EINVAL;
    }
    if (r == 0)
        strcpy(pin, text);
    OPENSSL_cleanse(text, sizeof text);
    return r;
}

void ca_ask_for_pins(void)
{
    token_set_prompt(pin_ask);
}

/* Asked before the lock is taken: who types holds up nobody. */
static int passphrase_for(const struct ca_options *o,
                          const struct ca_place *place,
                          enum authority_part part,
                          char passphrase[PASSWORD_SIZE], bool *have)
{
    enum authority_key_state state = AUTHORITY_KEY_NONE;
    int r = authority_look_key(AT_FDCWD, place->folder, part, &state);

    *have = false;
    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", place->folder, sp_strerror(r));
    if (state == AUTHORITY_KEY_ENCRYPTED ||
        (state == AUTHORITY_KEY_TOKEN && o->passphrase_file != NULL)) {
        if (password_get(o->passphrase_file,
                         part == AUTHORITY_ROOT
                             ? "Passphrase of the root's key: "
                             : "Passphrase of the issuing key: ",
                         false, passphrase) != 0)
            return EXIT_FAILS;
        *have = true;
    }
    if (state == AUTHORITY_KEY_TOKEN)
        ca_ask_for_pins();
    return EXIT_HOLDS;
}

int ca_open(const struct ca_options *o, const struct ca_place *place,
            enum authority_part part, bool with_key, struct authority **a)
{
    struct authority_opening opening = {.at = AT_FDCWD,
                                        .folder = place->folder,
                                        .part = part,
                                        .with_key = with_key};
    char passphrase[PASSWORD_SIZE] = "", problem[256];
    bool have = false;
    int r;

    if (with_key &&
        (r = passphrase_for(o, place, part, passphrase, &have)) != EXIT_HOLDS)
        return r;
    opening.passphrase = have ? passphrase : NULL;
    r = authority_open(&opening, a, problem);
    OPENSSL_cleanse(passphrase, sizeof passphrase);
    return r == 0 ? EXIT_HOLDS
                  : ca_complain(EXIT_FAILS, "%s: %s", place->folder, problem);
}

bool ca_key_is_free(const struct ca_options *o, const struct ca_place *place,
                    enum authority_part part)
{
    enum authority_key_state state = AUTHORITY_KEY_NONE;

    if (authority_look_key(AT_FDCWD, place->folder, part, &state) != 0)
        return false;
    return state == AUTHORITY_KEY_PLAIN ||
           (state != AUTHORITY_KEY_NONE && o->passphrase_file != NULL);
}

/* --- options ------------------------------------------------------------- */

int ca_days(const char *option, const char *text, int most, int64_t *ms)
{
    char *end = NULL;
    long n;

    if (text == NULL)
        return EXIT_HOLDS;
    n = strtol(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || *end != '\0' || n > most)
        return ca_complain(EXIT_MISUSED, "%s %s: expected 1 to %d days", option,
                           text, most);
    *ms = (int64_t)n * 24 * 3600 * 1000;
    return EXIT_HOLDS;
}

int ca_read_request(const char *file, struct request **out)
{
    char problem[256] = "";
    uint8_t *pem = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, file, REQUEST_MAX, &pem, &length);

    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", file, sp_strerror(r));
    r = request_read(pem, length, out, problem);
    free(pem);
    return r == 0 ? EXIT_HOLDS
                  : ca_complain(EXIT_FAILS, "%s: %s", file,
                                problem[0] != '\0' ? problem : sp_strerror(r));
}
