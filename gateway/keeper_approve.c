/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who approved what the keeper is about to load (P8): judged here again, from
 * the bytes that it loads, because it is what records. Runs in the keeper,
 * before anything is written: what is not approved leaves no trace. The
 * supervisor's copy of the files is trusted with nothing but being there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/keeper.h"
#include "policy/approval.h"

static void on_rejected(void *arg, const char *file, const char *why)
{
    (void)arg;
    log_warn("approval_not_counted", "file=%s why=%s", log_quote(file),
             log_quote(why));
}

/* P4: a clock that is turned back does not make an old signature good. */
static int64_t time_to_judge(const struct keeper *k)
{
    int64_t wall = clock_wall_ms(), newest = standing_newest(k->standing);

    return wall > newest ? wall : newest;
}

static int judge(const struct keeper *k, const struct approvers *set,
                 const struct approval_document *d, struct approval *a)
{
    int r = approval_judge(set, d, k->snapshot.files, time_to_judge(k), NULL,
                           NULL, a);

    if (r != 0)
        r = approval_judge(set, d, k->snapshot.files, time_to_judge(k),
                           on_rejected, NULL, a);
    return r;
}

/* The settings have another set than the ledger: the ledger's decides. */
static int judge_change(const struct keeper *k, const struct approvers *old,
                        uint64_t n, struct keeper_approved *approved,
                        char problem[512])
{
    char text[APPROVERS_DOCUMENT_MAX], by[APPROVERS_BY_MAX];
    char summary[APPROVAL_SUMMARY_MAX];
    struct approval_document d = {.prefix = APPROVAL_OF_APPROVERS,
                                  .data = text};
    const uint8_t *data;
    struct approval a;
    size_t length;

    approvers_document(&k->snapshot.settings->approvers,
                       k->snapshot.settings->origin, n, text);
    d.length = strlen(text);
    if (fileset_get(k->snapshot.files, APPROVAL_APPROVERS, &data, &length) !=
            0 ||
        length != d.length || memcmp(data, text, length) != 0) {
        approvers_by_format(old, NULL, by);
        snprintf(problem, 512,
                 "approvals: sallyport.yaml has other approvers, `required` or "
                 "`valid` than entry %" PRIu64 " of the ledger: expected "
                 "required %u, valid %" PRId64 "s, %.120s; or " APPROVERS_FILE
                 " for the new ones, signed by %u of these: each runs "
                 "`sallyport approve --approvers DIR --key FILE`",
                 n, old->required, old->valid_ms / 1000, by, old->required);
        return SP_EPERM;
    }
    if (judge(k, old, &d, &a) == 0) {
        memcpy(approved->set_by, a.by, sizeof(approved->set_by));
        return 0;
    }
    approval_summary(&a, summary);
    snprintf(problem, 512,
             APPROVERS_FILE " is not approved: %.300s: expected `sallyport "
                            "approve --approvers DIR --key FILE` by each",
             summary);
    return SP_EPERM;
}

static int approve_set(const struct keeper *k, struct keeper_approved *approved,
                       char problem[512])
{
    uint64_t n;
    const struct approvers *old = standing_approvers(k->standing, &n);

    if (old != NULL && approvers_equal(old, &k->snapshot.settings->approvers))
        return 0;
    approved->set_changes = true;
    return old == NULL ? 0 : judge_change(k, old, n, approved, problem);
}

static int approve_policy(const struct keeper *k,
                          struct keeper_approved *approved, char problem[512])
{
    const struct approvers *set = &k->snapshot.settings->approvers;
    char summary[APPROVAL_SUMMARY_MAX];
    const uint8_t *yaml;
    struct approval_document d;
    struct approval a;
    size_t length;
    int r = fileset_get(k->snapshot.files, "policy.yaml", &yaml, &length);

    if (r == 0) {
        d = approval_of_policy(k->policy, yaml, length);
        r = judge(k, set, &d, &a);
        memcpy(approved->policy_by, a.by, sizeof(approved->policy_by));
    }
    if (r == 0)
        return 0;
    approval_summary(&a, summary);
    snprintf(problem, 512,
             "policy serial %u is not approved: %.300s%s: expected `sallyport "
             "approve DIR --key FILE` by each",
             k->policy->serial, summary,
             r == SP_EINVAL ? "; its author is no approver" : "");
    return SP_EPERM;
}

int keeper_approve(const struct keeper *k, struct keeper_approved *approved,
                   char problem[512])
{
    int r;

    memset(approved, 0, sizeof(*approved));
    if ((r = approve_set(k, approved, problem)) != 0 ||
        standing_policy_is_current(k->standing, k->policy))
        return r;
    return approve_policy(k, approved, problem);
}

void keeper_record_approvers(struct keeper *k,
                             const struct keeper_approved *approved)
{
    const struct approvers *set = &k->snapshot.settings->approvers;
    char text[APPROVERS_TEXT_MAX];
    struct entry e = {
        .kind = ENTRY_APPROVERS_SET,
        .u.approvers_set = {.required = set->required,
                            .valid_ms = set->valid_ms,
                            .approvers = text,
                            .by = approved->set_by[0] == '\0'
                                      ? NULL
                                      : approved->set_by},
    };

    if (!approved->set_changes)
        return;
    approvers_format(set, text);
    keeper_record(k, &e);
    log_info("approvers_set", "required=%u approvers=%zu by=%s", set->required,
             set->count, log_quote(approved->set_by));
}
