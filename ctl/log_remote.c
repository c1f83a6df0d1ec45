/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger read through a gateway's auditors' window: the same files as in its
 * folder, over HTTPS with an auditor's certificate. Runs on an auditor's
 * machine; what comes is trusted no more than a folder is, only its hashes are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/log.h"
#include "ctl/verbs.h"

#define WINDOW "/sallyport/v1/log/"

bool log_is_remote(const char *where)
{
    return strncmp(where, "https://", 8) == 0;
}

int log_source_open_remote(const char *where, const struct log_window *w,
                           const char *key, const char *key_file,
                           struct log_source *s)
{
    int status;

    *s = LOG_SOURCE_NONE;
    s->folder_name = where;
    if (w->certificate == NULL || w->key == NULL) {
        fputs("sallyport log: a gateway wants --cert FILE and --cert-key FILE: "
              "an auditor's certificate and its key\n",
              stderr);
        return EXIT_MISUSED;
    }
    s->remote = (struct remote){.verb = "log",
                                .url = where,
                                .certificate = w->certificate,
                                .key = w->key,
                                .anchors = w->anchors};
    status = remote_open(&s->remote);
    s->is_remote = true;
    if (status == EXIT_HOLDS)
        status = log_source_key(s, key, key_file);
    if (status != EXIT_HOLDS)
        log_source_close(s);
    return status;
}

/* A kept connection that was closed meanwhile is opened once more. */
static int ask(struct remote *r, const char *target, struct client_answer *a)
{
    int e = client_exchange(r->client, "GET", target, NULL, a, NULL, NULL);

    if ((e != SP_ECLOSED && e != SP_EIO) || a->status != 0)
        return e;
    client_answer_release(a);
    remote_close(r);
    if (remote_open(r) != EXIT_HOLDS)
        return SP_EIO;
    return client_exchange(r->client, "GET", target, NULL, a, NULL, NULL);
}

static int answer_take(const struct remote *r, const struct client_answer *a,
                       size_t max, uint8_t **data, size_t *length)
{
    if (a->status == 404)
        return SP_ENOENT;
    if (a->status != 200 || !a->complete) {
        remote_print_refusal(r, a);
        return SP_EPERM;
    }
    if (a->body.length > max)
        return SP_ETOOBIG;
    *data = malloc(a->body.length + 1);
    if (*data == NULL)
        return SP_ENOMEM;
    if (a->body.length > 0)
        memcpy(*data, buf_bytes(&a->body), a->body.length);
    (*data)[a->body.length] = '\0';
    *length = a->body.length;
    return 0;
}

int log_remote_file(void *arg, const char *path, size_t max, uint8_t **data,
                    size_t *length)
{
    struct log_source *s = arg;
    struct client_answer a = {0};
    char target[160];
    int r;

    snprintf(target, sizeof target, WINDOW "%s", path);
    r = ask(&s->remote, target, &a);
    if (r == 0)
        r = answer_take(&s->remote, &a, max, data, length);
    else
        fprintf(stderr, "sallyport log: %s: %s\n", target,
                s->remote.client != NULL ? client_problem(s->remote.client)
                                         : sp_strerror(r));
    client_answer_release(&a);
    return r;
}
