/* SPDX-License-Identifier: Apache-2.0 */
/* Where certificates and keys are put that were issued. Runs as the operator;
 * nothing is ever overwritten. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ca_parts.h"
#include "lib/file.h"

void ca_outputs_release(struct ca_outputs *o)
{
    free(o->cert);
    free(o->key);
    *o = (struct ca_outputs){0};
}

static bool is_folder(const char *path)
{
    struct stat st;

    return path[strlen(path) - 1] == '/' ||
           (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static int outputs_name(const struct ca_options *o, char *standard,
                        const char *stem, struct ca_outputs *out)
{
    size_t length;

    if (o->out == NULL) {
        out->cert = standard;
    } else {
        free(standard);
        if (is_folder(o->out)
                ? asprintf(&out->cert, "%s/%s.crt", o->out, stem) < 0
                : asprintf(&out->cert, "%s", o->out) < 0)
            out->cert = NULL;
    }
    if (out->cert == NULL)
        return SP_ENOMEM;
    length = strlen(out->cert);
    if (length > 4 && strcmp(out->cert + length - 4, ".crt") == 0)
        length -= 4;
    if (asprintf(&out->key, "%.*s.key", (int)length, out->cert) < 0) {
        out->key = NULL;
        return SP_ENOMEM;
    }
    return 0;
}

static int outputs_check(const struct ca_outputs *o, bool with_key)
{
    const char *const paths[] = {o->cert, with_key ? o->key : NULL};
    struct stat st;

    for (size_t i = 0; i < 2; i++) {
        if (paths[i] != NULL && lstat(paths[i], &st) == 0)
            return ca_complain(
                EXIT_FAILS,
                "%s exists and is not overwritten: move it away or name "
                "another with --out",
                paths[i]);
    }
    return EXIT_HOLDS;
}

int ca_outputs_find(const struct ca_options *o, char *standard,
                    const char *stem, bool with_key, struct ca_outputs *out)
{
    if (o->out != NULL && o->out[0] == '\0') {
        free(standard);
        return ca_complain(EXIT_MISUSED, "--out: expected a file or a folder");
    }
    if (outputs_name(o, standard, stem, out) != 0)
        return ca_complain(EXIT_FAILS, "%s", sp_strerror(SP_ENOMEM));
    return outputs_check(out, with_key);
}

static int folder_of_make(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    int r;

    if (slash == NULL || slash == path)
        return 0;
    folder = strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return SP_ENOMEM;
    r = file_make_folders(AT_FDCWD, folder, 0700);
    free(folder);
    return r;
}

int ca_outputs_write(const struct ca_outputs *o,
                     const struct authority_issued *issued)
{
    const char *failed = o->cert;
    int r = folder_of_make(o->cert);

    if (r == 0 && issued->key_pem != NULL) {
        r = file_create(AT_FDCWD, o->key, 0600, issued->key_pem,
                        strlen(issued->key_pem));
        if (r != 0)
            failed = o->key;
    }
    if (r == 0) {
        r = file_create(AT_FDCWD, o->cert, 0644, issued->cert_pem,
                        strlen(issued->cert_pem));
        if (r != 0 && issued->key_pem != NULL)
            (void)unlink(o->key);
    }
    if (r != 0)
        return ca_complain(EXIT_FAILS,
                           "%s: %s (the certificate %s stays on record: "
                           "\"sallyport ca revoke\" takes it back)",
                           failed, sp_strerror(r), issued->record.serial);
    return EXIT_HOLDS;
}
