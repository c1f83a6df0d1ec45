/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes approvers' keys. Runs as the approver; no process of the
 * daemon ever does.
 */
#include "ctl/approver_key.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/password.h"
#include "lib/file.h"

char *approver_public_path(const char *secret_path)
{
    size_t length = strlen(secret_path);
    char *path;

    if (length > 4 && strcmp(secret_path + length - 4, ".key") == 0)
        length -= 4;
    if (asprintf(&path, "%.*s.pub", (int)length, secret_path) < 0)
        return NULL;
    return path;
}

static int public_write(int dirfd, const char *secret_path,
                        const struct minisign_secret *secret)
{
    char id[MINISIGN_ID_TEXT], text[MINISIGN_KEY_TEXT], file[256];
    char *path = approver_public_path(secret_path);
    struct minisign_key key;
    int r;

    if (path == NULL)
        return SP_ENOMEM;
    minisign_public(secret, &key);
    minisign_id_format(key.id, id);
    minisign_key_format(&key, text);
    snprintf(file, sizeof file,
             "untrusted comment: minisign public key %s\n%s\n", id, text);
    r = file_create(dirfd, path, 0644, file, strlen(file));
    free(path);
    return r;
}

int approver_key_write(int dirfd, const char *path,
                       const struct minisign_secret *secret,
                       const char *password)
{
    char text[MINISIGN_SECRET_TEXT];
    int r =
        minisign_secret_format(secret, password, &minisign_cost_default, text);

    if (r == 0)
        r = file_create(dirfd, path, 0600, text, strlen(text));
    sodium_memzero(text, sizeof text);
    if (r == 0 && (r = public_write(dirfd, path, secret)) != 0)
        (void)unlinkat(dirfd, path, 0);
    return r;
}

static void others_warn(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        fprintf(stderr,
                "%s: others may read this secret key (mode %03o): run `chmod "
                "600` on it\n",
                path, (unsigned)(st.st_mode & 0777));
}

static int key_parse(const char *path, const char *text, size_t length,
                     const char *password_file, struct minisign_secret *secret)
{
    char password[PASSWORD_SIZE] = "";
    bool needs;
    int r = minisign_secret_needs_password(text, length, &needs);

    if (r == 0 && needs)
        r = password_get(password_file, "Password of the key: ", false,
                         password);
    else if (r != 0)
        fprintf(stderr,
                "%s: not a secret key: expected one that `sallyport "
                "approve keygen` or minisign made\n",
                path);
    if (r != 0)
        return r;
    r = minisign_secret_parse(text, length, needs ? password : NULL, secret);
    sodium_memzero(password, sizeof password);
    if (r != 0)
        fprintf(stderr, "%s: %s\n", path,
                r == SP_EPERM    ? "wrong password, or the file was changed"
                : r == SP_ENOMEM ? "its password needs more memory than there "
                                   "is (up to 1 GiB)"
                                 : "not a secret key that can be used");
    return r;
}

int approver_key_read(const char *path, const char *password_file,
                      struct minisign_secret *secret)
{
    uint8_t *data = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, path, 4096, &data, &length);

    if (r != 0) {
        fprintf(stderr, "%s: %s\n", path, sp_strerror(r));
        return r;
    }
    others_warn(path);
    r = key_parse(path, (const char *)data, length, password_file, secret);
    sodium_memzero(data, length);
    free(data);
    return r;
}
