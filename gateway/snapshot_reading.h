/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of a deployment: what snapshot.c, snapshot_tls.c and
 * snapshot_pack.c share. Runs in the supervisor.
 */
#ifndef SP_GATEWAY_SNAPSHOT_READING_H
#define SP_GATEWAY_SNAPSHOT_READING_H

#include "gateway/snapshot.h"
#include "lib/document.h"
#include "lib/report.h"

/* Secrets are one line; keys of ours are small PEM files. */
#define READING_SECRET_BYTES 16384

/* One reading: where it is and what it has so far. The documents are only for
 * saying where in a file a problem is. */
struct reading {
    struct snapshot *s;
    struct report *report;
    const char *config; /* sallyport.yaml, as it was named */
    int folder;         /* of the deployment, open */
    char *policy_path;
    struct document *settings_text;
    struct document *policy_text; /* NULL: not needed so far */
};

/* In sallyport.yaml at `where`, "server/key". */
void reading_complain(struct reading *r, const char *where, const char *format,
                      ...) SP_PRINTF(3, 4);
/* The same in the policy. */
void reading_complain_policy(struct reading *r, const char *where,
                             const char *format, ...) SP_PRINTF(3, 4);

/* One file that the settings name at `where`, relative to the deployment's
 * folder, into the set as `name`. SP_EINVAL with the complaint, SP_ENOMEM. */
int reading_add(struct reading *r, const char *name, const char *where,
                const char *setting, size_t max, bool secret,
                const char *what) SP_MUST_USE;

/* snapshot_tls.c: listeners' profiles, the server's and clients' certificates,
 * with the policy's people; then what is used towards models. As above. */
int reading_tls(struct reading *r) SP_MUST_USE;
int reading_check_upstream(struct reading *r) SP_MUST_USE;

/* snapshot_pack.c: a file of `s`, if it is not in `to` already. SP_ENOENT,
 * SP_ENOMEM. */
int snapshot_copy(const struct snapshot *s, struct fileset *to,
                  const char *name) SP_MUST_USE;
/* After a parse: what the tree had is not needed again. */
void snapshot_memory_give_back(void);

#endif
