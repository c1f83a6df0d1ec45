/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration, policy and the files they name, read once and together. The
 * supervisor reads them from the deployment's folder (snapshot_read), packs
 * what each role needs into a sealed fileset (snapshot_pack), and every role
 * parses its own copy again (snapshot_from_fd): one parser, one meaning, and
 * nobody but the supervisor opens a file by name (P12).
 */
#ifndef SP_GATEWAY_SNAPSHOT_H
#define SP_GATEWAY_SNAPSHOT_H

#include "gateway/roles.h"
#include "lib/file.h"
#include "policy/policy.h"
#include "policy/settings.h"

struct snapshot {
    struct settings *settings;
    struct policy *policy; /* NULL in a role that gets none (control) */
    struct fileset *files; /* everything that was read (see messages.h); in a
                              role without the policy's text */
};

/* Reads and checks everything: both files, every file the policy names, the
 * server's key and certificate, credentials, the ledger key and that its name
 * is the origin. Problems go to `report`, one line each. SP_EINVAL with at
 * least one error reported; SP_ENOMEM. */
int snapshot_read(const char *config, struct report *report,
                  struct snapshot *s) SP_MUST_USE;

/* Over the names and bytes of all files but signatures, which may be more than
 * they were. */
void snapshot_digest(const struct snapshot *s, uint8_t digest[32]);

/* A sealed fileset with what `role` needs and nothing else. SP_EIO, SP_ENOMEM.
 */
int snapshot_pack(const struct snapshot *s, enum role role,
                  int *memfd) SP_MUST_USE;

/* In a role: takes (and closes) the fileset's descriptor and parses what is
 * in it. SP_EPROTO, SP_EINVAL, SP_ENOMEM. */
int snapshot_from_fd(int memfd, struct snapshot *s) SP_MUST_USE;

/* Gives back the policy's text: its meaning is all that a role needs, but for
 * the keeper, which first looks at who approved it. */
void snapshot_forget_text(struct snapshot *s);

void snapshot_release(struct snapshot *s);

/* A policy_file_fn over a fileset (`arg`). */
int snapshot_file(void *arg, const char *name, const uint8_t **data,
                  size_t *length);

#endif
