/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each role gets of a snapshot, and nothing else (P12). Runs in the
 * supervisor.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "gateway/snapshot_reading.h"
#include "gateway/tls_files.h"

int snapshot_copy(const struct snapshot *s, struct fileset *to,
                  const char *name)
{
    const uint8_t *data;
    size_t length;
    int e = fileset_get(s->files, name, &data, &length);

    if (e == 0)
        e = fileset_add(to, name, data, length);
    return e == SP_EEXIST ? 0 : e;
}

/* The tree of a large policy is several times as large as what is made of it,
 * and no role would ever use that memory again. */
void snapshot_memory_give_back(void)
{
    malloc_trim(0);
}

/* A file that the policy names, if it names one. */
static int copy_named(const struct snapshot *s, struct fileset *to,
                      const char *name)
{
    int e;

    if (name == NULL)
        return 0;
    if (strcmp(name, "ca") != 0)
        return snapshot_copy(s, to, name);
    e = snapshot_copy(s, to, "@authority.chain");
    return e != 0 && e != SP_ENOENT ? e : snapshot_copy(s, to, "@authority");
}

/* What certificates are verified with: by workers, and by the keeper when
 * somebody signs. */
static int pack_people(const struct snapshot *s, struct fileset *to)
{
    const struct policy *p = s->policy;
    int e = 0;

    for (size_t i = 0; e == 0 && i < p->nparties; i++) {
        e = copy_named(s, to, p->parties[i].anchors);
        if (e == 0)
            e = copy_named(s, to, p->parties[i].intermediates);
    }
    return e;
}

static int pack_worker(const struct snapshot *s, struct fileset *to)
{
    const struct policy *p = s->policy;
    char name[LIMIT_NAME_BYTES + 16];
    struct tls_file f;
    int e = pack_people(s, to);

    for (size_t i = 0; e == 0 && i < p->ndocuments; i++)
        e = copy_named(s, to, p->documents[i].file);
    for (size_t i = 0; e == 0 && i < p->nmodels; i++)
        e = copy_named(s, to, p->models[i].ca);
    for (size_t i = 0; e == 0 && i < s->settings->ncredentials; i++) {
        snprintf(name, sizeof(name), "@credential/%s",
                 s->settings->credentials[i].name);
        e = snapshot_copy(s, to, name);
    }
    for (size_t i = 0; e == 0 && tls_file_at(s->settings, i, &f); i++)
        e = snapshot_copy(s, to, f.name);
    return e;
}

/* The keeper judges approvals itself. */
static int pack_keeper(const struct snapshot *s, struct fileset *to)
{
    const uint8_t *data;
    const char *name;
    size_t length;
    int e = snapshot_copy(s, to, "@ledger.key");

    for (size_t i = 0;
         e == 0 && fileset_at(s->files, i, &name, &data, &length) == 0; i++)
        if (strncmp(name, "@approv", 7) == 0)
            e = fileset_add(to, name, data, length);
    return e;
}

static int pack_dialer(const struct snapshot *s, struct fileset *to)
{
    char name[LIMIT_NAME_BYTES + 16];
    int e = 0;

    for (size_t i = 0; e == 0 && i < s->settings->nwitnesses; i++) {
        snprintf(name, sizeof(name), "@witness/%s",
                 s->settings->witnesses[i].name);
        if (s->settings->witnesses[i].ca != NULL)
            e = snapshot_copy(s, to, name);
    }
    return e;
}

static int pack(const struct snapshot *s, enum role role, struct fileset *to)
{
    int e = snapshot_copy(s, to, "sallyport.yaml");

    if (e == 0 && role != ROLE_CONTROL && role != ROLE_AUTHORITY &&
        role != ROLE_PUBLISHER)
        e = snapshot_copy(s, to, "policy.yaml");
    if (e == 0 && role == ROLE_WORKER)
        e = pack_worker(s, to);
    if (e == 0 && role == ROLE_REVOKER)
        e = pack_people(s, to);
    if (e == 0 && role == ROLE_DIALER)
        e = pack_dialer(s, to);
    if (e == 0 && role == ROLE_KEEPER && (e = pack_keeper(s, to)) == 0)
        e = pack_people(s, to);
    return e;
}

int snapshot_pack(const struct snapshot *s, enum role role, int *memfd)
{
    struct fileset *to = fileset_new();
    int e;

    if (to == NULL)
        return SP_ENOMEM;
    e = pack(s, role, to);
    if (e == 0)
        e = fileset_seal(to, memfd);
    fileset_free(to);
    snapshot_memory_give_back();
    return e;
}
