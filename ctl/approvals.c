/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures in a deployment's folder. Runs as an approver or an operator,
 * who may read and write there; signature files are trusted with nothing.
 */
#include "ctl/approvals.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/signatures.h"

static void on_told(void *arg, const char *file, const char *why)
{
    fprintf(arg, "    %s: %s\n", file, why);
}

int approvals_judge(const struct approvers *set, const char *path,
                    const struct approval_document *d, FILE *out,
                    struct approval *a)
{
    struct minisign_key keys[LIMIT_APPROVERS];
    struct fileset *files = fileset_new();
    int r = files == NULL ? SP_ENOMEM : 0;

    for (size_t i = 0; i < set->count; i++)
        keys[i] = set->list[i].key;
    if (r == 0)
        r = signatures_collect(path, d->prefix, keys, set->count, files);
    if (r == 0)
        r = approval_judge(set, d, files, clock_wall_ms(),
                           out != NULL ? on_told : NULL, out, a);
    else
        r = r == SP_ENOMEM ? r : SP_EIO;
    fileset_free(files);
    return r;
}

int approvals_policy_read(const struct overview *d, uint8_t **yaml,
                          size_t *length)
{
    return file_read(AT_FDCWD, d->policy_path, LIMIT_POLICY_BYTES, yaml,
                     length);
}

int approvals_sign(const struct minisign_secret *secret, const char *path,
                   const void *data, size_t length, int64_t expires,
                   uint32_t serial, char **made)
{
    char comment[APPROVAL_COMMENT_MAX], text[MINISIGN_FILE_MAX];
    int r;

    *made = signatures_path(path, secret->id);
    if (*made == NULL)
        return SP_ENOMEM;
    approval_comment(clock_wall_ms(), expires, serial, comment);
    r = minisign_sign(secret, data, length, comment, text);
    if (r == 0)
        r = file_replace(AT_FDCWD, *made, 0644, text, strlen(text));
    return r;
}

/* Settings and ledger may have different sets; the ledger's counts. */
static void set_print(const struct overview *d, FILE *out)
{
    const struct approvers *set;
    uint64_t n;

    if (d->standing == NULL ||
        (set = standing_approvers(d->standing, &n)) == NULL ||
        approvers_equal(set, &d->settings->approvers))
        return;
    fprintf(
        out,
        "  approvers: not those of the ledger's entry %" PRIu64
        ", which must approve the change: `sallyport approve --approvers`\n",
        n);
}

static void verdict_print(const struct overview *d, int verdict,
                          const struct approval *a, FILE *out)
{
    char summary[APPROVAL_SUMMARY_MAX];

    approval_summary(a, summary);
    if (verdict == 0)
        fprintf(out, "  approvals: ok, %u of %u needed: %s\n", a->have, a->need,
                a->by);
    else if (verdict == SP_EINVAL)
        fprintf(out, "  approvals: impossible, the author %s is no approver\n",
                d->policy->author);
    else if (verdict == SP_EPERM)
        fprintf(out, "  approvals: missing, %s%s\n", summary,
                d->in_force ? " (none needed: this policy is in force)" : "");
    else
        fprintf(out, "  approvals: unknown: %s\n", sp_strerror(verdict));
}

void approvals_print(const struct overview *d, FILE *out)
{
    struct approval_document document;
    struct approval a = {0};
    char *told = NULL;
    size_t told_length, length;
    uint8_t *yaml = NULL;
    FILE *lines = open_memstream(&told, &told_length);
    int r =
        lines == NULL ? SP_ENOMEM : approvals_policy_read(d, &yaml, &length);

    if (r == 0) {
        document = approval_of_policy(d->policy, yaml, length);
        r = approvals_judge(&d->settings->approvers, d->policy_path, &document,
                            lines, &a);
    }
    set_print(d, out);
    verdict_print(d, r, &a, out);
    if (lines != NULL && fclose(lines) == 0)
        fputs(told, out);
    free(told);
    free(yaml);
}
