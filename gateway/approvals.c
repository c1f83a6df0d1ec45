/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the operator whether a policy is approved. Runs in the supervisor and
 * for `sallyportd -n`. Signature files are trusted with nothing, the ledger's
 * published part as far as a refusal goes: a wrong yes here is the keeper's to
 * refuse.
 */
#include "gateway/approvals.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"
#include "lib/clock.h"
#include "policy/approval.h"
#include "policy/entry.h"

/* Decoding is for the lines that may be one. */
static bool line_may_load(const uint8_t *line, size_t length)
{
    static const char kind[] = ",\"kind\":\"policy.loaded\",";

    return memmem(line, length, kind, sizeof kind - 1) != NULL;
}

/* The newest published policy.loaded, sought from the end. A policy that was
 * loaded in the second before a crash may not be published yet; its signatures
 * were good a moment ago, so it does not come to this question. */
static bool ledger_has_in_force(struct ledger_view *v,
                                const struct policy *policy)
{
    struct entry_reader *reader = calloc(1, sizeof(*reader));
    uint64_t n = ledger_view_checkpoint(v)->size;
    bool found = false, same = false;
    struct entry e;

    if (reader == NULL)
        return false;
    while (!found && n-- > 0) {
        const uint8_t *line;
        size_t length;

        if (ledger_view_entry(v, n, &line, &length) != 0)
            break;
        found = line_may_load(line, length) &&
                entry_decode(reader, (const char *)line, length, &e) == 0 &&
                e.kind == ENTRY_POLICY_LOADED;
        same = found && memcmp(e.u.policy_loaded.sha256, policy->sha256,
                               sizeof(policy->sha256)) == 0;
    }
    entry_reader_release(reader);
    free(reader);
    return same;
}

static bool policy_is_in_force(int ledger, const struct policy *policy)
{
    struct ledger_view *v = NULL;
    bool in_force;

    if (ledger < 0 || ledger_view_open(ledger, NULL, 0, &v) != 0)
        return false;
    in_force = ledger_has_in_force(v, policy);
    ledger_view_free(v);
    return in_force;
}

static void on_logged(void *arg, const char *file, const char *why)
{
    (void)arg;
    log_warn("approval_not_counted", "file=%s why=%s", log_quote(file),
             log_quote(why));
}

static void on_told(void *arg, const char *file, const char *why)
{
    fprintf(arg, "  %s: %s\n", file, why);
}

static void refuse_begin(const struct snapshot *s, const struct approval *a,
                         bool author, FILE *out)
{
    char summary[APPROVAL_SUMMARY_MAX];

    approval_summary(a, summary);
    fprintf(out, "sallyportd: policy serial %u is not approved: %s\n",
            s->policy->serial, summary);
    if (!author)
        fprintf(out,
                "  its author %s is no approver: expected a name of the "
                "approvers in sallyport.yaml\n",
                s->policy->author);
}

/* Judges again as of the same moment, to tell. */
static int refuse(const struct snapshot *s, const struct approval_document *d,
                  int64_t now, const struct approval *a, struct report *report)
{
    bool author = d->author == NULL ||
                  approvers_find(&s->settings->approvers, d->author) >= 0;
    struct approval again;
    int r;

    report->errors++;
    if (report->out == NULL)
        return SP_EPERM;
    refuse_begin(s, a, author, report->out);
    r = approval_judge(&s->settings->approvers, d, s->files, now, on_told,
                       report->out, &again);
    fprintf(report->out,
            "  expected: the signatures of %u approvers: each of them runs "
            "`sallyport approve %s --key FILE`\n",
            a->need, s->settings->folder);
    return r;
}

int approvals_check(const struct snapshot *s, int ledger, struct report *report)
{
    const struct approvers *set = &s->settings->approvers;
    int64_t now = clock_wall_ms();
    const uint8_t *yaml;
    size_t length;
    struct approval_document d;
    struct approval a;
    int r = fileset_get(s->files, "policy.yaml", &yaml, &length);

    if (r != 0)
        return r;
    d = approval_of_policy(s->policy, yaml, length);
    r = approval_judge(set, &d, s->files, now, NULL, NULL, &a);
    if (r == 0)
        return approval_judge(set, &d, s->files, now, on_logged, NULL, &a);
    if (policy_is_in_force(ledger, s->policy))
        return 0;
    return refuse(s, &d, now, &a, report);
}
