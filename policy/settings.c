/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport.yaml to settings. Runs in the supervisor and the command for an
 * operator's file, and in every role again on the same bytes.
 */
#include "policy/settings.h"

#include <stdlib.h>
#include <string.h>

#include "policy/endpoint.h"
#include "policy/schemas.h"
#include "policy/settings_build.h"

char *settings_take_text(struct settings_build *b, const struct node *n,
                         const char *key)
{
    const struct node *m = node_member(n, key);
    char *text;

    if (m == NULL || m->bad || m->kind != NODE_SCALAR)
        return NULL;
    text = strdup(m->text);
    if (text == NULL)
        b->no_memory = true;
    return text;
}

int64_t settings_take_number(const struct node *n, const char *key)
{
    const struct node *m = node_member(n, key);

    return m == NULL || m->bad ? 0 : m->number;
}

static void credentials_build(struct settings_build *b, const struct node *map)
{
    struct settings *s = b->s;

    if (map == NULL || map->kind != NODE_MAP)
        return;
    s->credentials = calloc(map->count + 1, sizeof *s->credentials);
    if (s->credentials == NULL) {
        b->no_memory = true;
        return;
    }
    for (size_t i = 0; i < map->count; i++) {
        struct settings_credential *c = &s->credentials[s->ncredentials++];

        c->name = strdup(map->items[i]->key);
        if (c->name == NULL)
            b->no_memory = true;
        c->file = settings_take_text(b, map->items[i], "file");
        c->header = settings_take_text(b, map->items[i], "header");
    }
}

/* Everything about approvers is checked here, once. */
static void approver_build(struct settings_build *b, const struct node *n)
{
    struct minisign_key key;
    int r;

    if (n->bad || n->kind != NODE_SCALAR ||
        approvers_find(&b->s->approvers, n->key) >= 0)
        return; /* told already */
    if (minisign_key_parse(n->text, strlen(n->text), &key) != 0) {
        document_error(b->d, b->report, n,
                       "bad key of \"%s\": expected a public key of minisign, "
                       "RW and 54 more characters",
                       n->key);
        return;
    }
    r = approvers_add(&b->s->approvers, n->key, &key);
    if (r == SP_EEXIST)
        document_error(b->d, b->report, n,
                       "\"%s\" has the key or key id of another approver: "
                       "expected one that is nobody else's",
                       n->key);
}

static void approvals_build(struct settings_build *b, const struct node *n)
{
    const struct node *map = node_member(n, "approvers");
    const struct node *required = node_member(n, "required");
    struct approvers *a = &b->s->approvers;

    if (n == NULL || n->bad || n->kind != NODE_MAP ||
        (map != NULL && (map->bad || map->kind != NODE_MAP)))
        return;
    a->required = (unsigned)settings_take_number(n, "required");
    a->valid_ms = settings_take_number(n, "valid");
    if (map == NULL || map->count == 0) {
        document_error(b->d, b->report, map != NULL ? map : n,
                       "no approvers: expected \"approvals: {approvers: {NAME: "
                       "\"RW…\", NAME: \"RW…\"}}\" with at least %u of them "
                       "(sallyport approve keygen FILE makes a key pair)",
                       a->required);
        return;
    }
    for (size_t i = 0; i < map->count; i++)
        approver_build(b, map->items[i]);
    /* Each that is missing for another reason was told. */
    if (a->required > map->count)
        document_error(b->d, b->report, required,
                       "%u approvals are required, but there %s %zu "
                       "approver%s: expected at most that many, or more "
                       "approvers",
                       a->required, map->count == 1 ? "is" : "are", map->count,
                       map->count == 1 ? "" : "s");
}

static void witness_url_build(struct settings_build *b, const struct node *n,
                              struct settings_witness *w)
{
    const struct node *url = node_member(n, "url");
    const char *expected;
    int r;

    if (url == NULL || url->bad || url->kind != NODE_SCALAR)
        return; /* told already */
    r = endpoint_parse(url->text, &w->endpoint, &expected);
    if (r == SP_ENOMEM)
        b->no_memory = true;
    else if (r != 0)
        document_error(b->d, b->report, url, "bad url \"%s\": expected %s",
                       url->text, expected);
    else if (w->endpoint.scheme == ENDPOINT_HTTPS && w->ca == NULL)
        document_error(b->d, b->report, url,
                       "no `ca` for \"%s\": expected a PEM file of what it is "
                       "verified against, such as "
                       "/etc/ssl/certs/ca-certificates.crt",
                       url->text);
}

static void witnesses_list_build(struct settings_build *b,
                                 const struct node *list)
{
    struct settings *s = b->s;

    if (list == NULL || list->bad || list->kind != NODE_MAP)
        return;
    s->witnesses = calloc(list->count + 1, sizeof *s->witnesses);
    if (s->witnesses == NULL) {
        b->no_memory = true;
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct settings_witness *w = &s->witnesses[s->nwitnesses++];

        w->name = strdup(list->items[i]->key);
        if (w->name == NULL)
            b->no_memory = true;
        w->vkey = settings_take_text(b, list->items[i], "vkey");
        w->ca = settings_take_text(b, list->items[i], "ca");
        witness_url_build(b, list->items[i], w);
    }
}

static void witnesses_build(struct settings_build *b, const struct node *n)
{
    static const char *const said[] = {"quorum", "on_missing", "overdue",
                                       "every", "timeout"};
    struct settings *s = b->s;

    if (n == NULL || n->bad || n->kind != NODE_MAP)
        return;
    witnesses_list_build(b, node_member(n, "list"));
    s->witness_quorum = (unsigned)settings_take_number(n, "quorum");
    s->witness_refuse = settings_take_number(n, "on_missing") == 1;
    s->witness_overdue_ms = settings_take_number(n, "overdue");
    s->witness_every_ms = settings_take_number(n, "every");
    s->witness_timeout_ms = settings_take_number(n, "timeout");
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        const struct node *m = node_member(n, said[i]);

        if (s->nwitnesses > 0 || m == NULL || m->bad || m->implied)
            continue;
        document_error_key(b->d, b->report, m,
                           "%s without witnesses: expected a `list` of them",
                           said[i]);
        return;
    }
    if (s->nwitnesses > 0 && s->witness_quorum > s->nwitnesses)
        document_error(
            b->d, b->report, node_member(n, "quorum"),
            "a quorum of %u, but there %s %zu witness%s: expected at "
            "most that many",
            s->witness_quorum, s->nwitnesses == 1 ? "is" : "are", s->nwitnesses,
            s->nwitnesses == 1 ? "" : "es");
}

static const char *const staff_lists[STAFF_COUNT] = {
    [STAFF_OBSERVER] = "observers",
    [STAFF_OPERATOR] = "operators",
    [STAFF_RELEASER] = "releasers",
};

/* One who were in two lists would have a role that nobody can read off. */
static void staff_add(struct settings_build *b, enum staff role,
                      const struct node *n)
{
    struct settings *s = b->s;
    uint32_t uid = (uint32_t)n->number;

    for (size_t i = 0; i < s->nstaff; i++)
        if (s->staff[i].uid == uid) {
            document_error(b->d, b->report, n,
                           "uid %u is in `%s` already: expected each uid once "
                           "in all three lists",
                           uid, staff_lists[s->staff[i].role]);
            return;
        }
    s->staff[s->nstaff++] = (struct settings_staff){.uid = uid, .role = role};
}

static void staff_build(struct settings_build *b, const struct node *root)
{
    struct settings *s = b->s;

    s->staff =
        calloc(STAFF_COUNT * (size_t)SETTINGS_STAFF_MAX, sizeof *s->staff);
    if (s->staff == NULL) {
        b->no_memory = true;
        return;
    }
    for (enum staff role = STAFF_OBSERVER; role <= STAFF_RELEASER; role++) {
        const struct node *list = node_member(root, staff_lists[role]);

        if (list == NULL || list->bad || list->kind != NODE_LIST)
            continue;
        for (size_t i = 0; i < list->count && i < SETTINGS_STAFF_MAX; i++)
            if (!list->items[i]->bad)
                staff_add(b, role, list->items[i]);
    }
}

static void settings_notices_build(struct settings_build *b,
                                   const struct node *n)
{
    const struct node *syslog = node_member(n, "syslog");
    const struct node *timeout = node_member(n, "timeout");
    struct settings *s = b->s;

    s->notice_hook = settings_take_text(b, n, "hook");
    s->notice_timeout_ms = settings_take_number(n, "timeout");
    s->notice_syslog = settings_take_text(b, n, "syslog");
    if (s->notice_syslog != NULL && !syslog_path_is_good(s->notice_syslog))
        document_error(b->d, b->report, syslog,
                       "bad socket \"%.128s\": expected unix:/PATH of at most "
                       "%d bytes",
                       s->notice_syslog, SYSLOG_PATH_MAX);
    if (s->notice_hook == NULL && timeout != NULL && !timeout->bad &&
        !timeout->implied && node_member(n, "hook") == NULL)
        document_error_key(b->d, b->report, timeout,
                           "timeout without a program: expected `hook` beside "
                           "it");
}

static void paths_build(struct settings_build *b, const struct node *root)
{
    const struct node *server = node_member(root, "server");
    const struct node *ledger = node_member(root, "ledger");
    struct settings *s = b->s;

    s->policy = settings_take_text(b, root, "policy");
    s->server_certificate = settings_take_text(b, server, "certificate");
    s->server_key = settings_take_text(b, server, "key");
    s->authority = settings_take_text(b, root, "authority");
    s->crl_listen = settings_take_text(b, node_member(root, "crl"), "listen");
    s->ledger = settings_take_text(b, ledger, "folder");
    s->ledger_key = settings_take_text(b, ledger, "key");
    s->transcripts = settings_take_text(b, root, "transcripts");
    s->control = settings_take_text(b, root, "control");
    s->origin = settings_take_text(b, ledger, "origin");
    if (s->origin == NULL && s->deployment != NULL &&
        asprintf(&s->origin, "%s.sallyport/ledger", s->deployment) < 0) {
        s->origin = NULL;
        b->no_memory = true;
    }
}

static void numbers_build(struct settings_build *b, const struct node *root)
{
    const struct node *timeouts = node_member(root, "timeouts");
    struct settings *s = b->s;

    s->workers = (unsigned)settings_take_number(root, "workers");
    s->crl_lifetime_ms =
        settings_take_number(node_member(root, "crl"), "lifetime");
    s->log_level = (enum log_level)settings_take_number(root, "log");
    s->checkpoint_ms =
        settings_take_number(node_member(root, "ledger"), "checkpoint");
    s->clock_settle_ms =
        settings_take_number(node_member(root, "clock"), "settle");
    s->connections = (unsigned)settings_take_number(node_member(root, "limits"),
                                                    "connections");
    s->drain_ms = settings_take_number(timeouts, "drain");
    s->handshake_ms = settings_take_number(timeouts, "handshake");
    s->head_ms = settings_take_number(timeouts, "head");
    s->keepalive_ms = settings_take_number(timeouts, "keepalive");
    s->write_idle_ms = settings_take_number(timeouts, "write_idle");
    s->connect_ms = settings_take_number(timeouts, "connect");
    s->first_byte_ms = settings_take_number(timeouts, "first_byte");
    s->answer_idle_ms = settings_take_number(timeouts, "answer_idle");
}

/* What the tables cannot say. */
static void settings_check(struct settings_build *b, const struct node *root)
{
    const struct settings *s = b->s;
    const struct node *ledger = node_member(root, "ledger");

    if (s->deployment != NULL &&
        (strlen(s->deployment) > 63 || strpbrk(s->deployment, "._") != NULL))
        document_error(b->d, b->report, node_member(root, "deployment"),
                       "bad deployment \"%s\": expected at most 63 of a-z, 0-9 "
                       "and '-'",
                       s->deployment);
    /* A signed note's key name: no white space, no plus sign (C2SP). */
    if (s->origin != NULL && strpbrk(s->origin, " +") != NULL)
        document_error(b->d, b->report, node_member(ledger, "origin"),
                       "bad origin \"%s\": expected a name without spaces and "
                       "plus signs",
                       s->origin);
}

int settings_parse(const char *name, const char *yaml, size_t length,
                   const char *folder, struct report *report,
                   struct settings **s)
{
    struct settings_build b = {.report = report};
    unsigned before = report->errors;
    int r;

    *s = NULL;
    r = document_parse(name, yaml, length, LIMIT_SETTINGS_BYTES, report, &b.d);
    if (r == SP_ENOMEM || b.d->root == NULL)
        goto out;
    if ((r = schema_check(b.d, settings_schema, report)) == SP_ENOMEM)
        goto out;
    r = SP_ENOMEM;
    if ((b.s = calloc(1, sizeof *b.s)) == NULL ||
        (b.s->folder = strdup(folder)) == NULL)
        goto out;
    b.s->deployment = settings_take_text(&b, b.d->root, "deployment");
    settings_tls_build(&b, b.d->root);
    settings_metrics_build(&b, b.d->root);
    paths_build(&b, b.d->root);
    numbers_build(&b, b.d->root);
    settings_notices_build(&b, node_member(b.d->root, "notices"));
    staff_build(&b, b.d->root);
    credentials_build(&b, node_member(b.d->root, "credentials"));
    approvals_build(&b, node_member(b.d->root, "approvals"));
    witnesses_build(&b, node_member(b.d->root, "witnesses"));
    if (b.no_memory)
        goto out;
    settings_check(&b, b.d->root);
    r = report->errors == before ? 0 : SP_EINVAL;
    if (r == 0) {
        *s = b.s;
        b.s = NULL;
    }
out:
    settings_free(b.s);
    document_free(b.d);
    return r;
}

void settings_free(struct settings *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->ncredentials; i++) {
        free(s->credentials[i].name);
        free(s->credentials[i].file);
        free(s->credentials[i].header);
    }
    free(s->credentials);
    for (size_t i = 0; i < s->nwitnesses; i++) {
        free(s->witnesses[i].name);
        free(s->witnesses[i].vkey);
        free(s->witnesses[i].ca);
        endpoint_release(&s->witnesses[i].endpoint);
    }
    free(s->witnesses);
    settings_tls_release(s);
    free(s->staff);
    free(s->folder);
    free(s->deployment);
    free(s->policy);
    free(s->server_certificate);
    free(s->server_key);
    free(s->authority);
    free(s->ledger);
    free(s->ledger_key);
    free(s->origin);
    free(s->transcripts);
    free(s->control);
    free(s->notice_hook);
    free(s->notice_syslog);
    free(s->crl_listen);
    free(s->metrics_listen);
    free(s);
}

char *settings_path(const struct settings *s, const char *path)
{
    static const char credential[] = SETTINGS_CREDENTIAL;
    const char *below = "";
    char *joined;

    if (strncmp(path, credential, sizeof(credential) - 1) == 0) {
        path += sizeof(credential) - 1;
        below = "keys/";
    } else if (path[0] == '/' || s->folder[0] == 0) {
        return strdup(path);
    }
    if (asprintf(&joined, "%s/%s%s", s->folder[0] != 0 ? s->folder : ".", below,
                 path) < 0)
        return NULL;
    return joined;
}
