/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another policy, or other settings, while the keeper runs. What a start asks
 * is asked here, in the same order: may this policy follow, is it approved
 * (P8), is it kept with the ledger (P6); then the entry, and from that entry on
 * it holds. What is refused leaves no trace. Workers have the same rules ready:
 * the word that they hold goes to them in one row with answers and cuts, so
 * that an index never means something else than the one who wrote it thought.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/keeper.h"
#include "gateway/people.h"
#include "gateway/rules_messages.h"

/* What the keeper goes by. */
struct going_by {
    struct snapshot snapshot;
    const struct policy *policy;
    struct identities *identities;
};

static struct going_by swap(struct keeper *k, const struct going_by *new)
{
    const struct going_by old = {k->snapshot, k->policy, k->identities};

    k->snapshot = new->snapshot;
    k->policy = new->policy;
    k->identities = new->identities;
    k->origin = k->snapshot.settings->origin;
    return old;
}

static void going_by_release(struct going_by *g)
{
    identities_free(g->identities);
    snapshot_release(&g->snapshot);
}

static int read_new(int memfd, struct going_by *g, char problem[512])
{
    char what[256] = "";
    int r = snapshot_from_fd(memfd, &g->snapshot);

    if (r == 0 && (g->policy = g->snapshot.policy) == NULL)
        r = SP_EPROTO;
    if (r == 0)
        r = people_load(&g->snapshot, &g->identities, what);
    if (r != 0)
        snprintf(problem, 512, "keeper: %s", what[0] ? what : sp_strerror(r));
    return r;
}

/* With the new ones in their place, for that is what all of this looks at. */
static int examine(struct keeper *k, struct keeper_approved *approved,
                   char problem[512])
{
    int r = keeper_check_policy(k, problem);

    if (r == 0)
        r = keeper_approve(k, approved, problem);
    return r != 0 ? r : keeper_keep_policy(k, k->snapshots.folder, problem);
}

static void in_force_put(const struct keeper *k, uint8_t data[64],
                         size_t *length)
{
    const struct rules_in_force v = {.number = k->rules,
                                     .policy = k->policy->serial};

    if (rules_in_force_put(&v, data, 64, length) != 0)
        fatal("rules_in_force", "error=%s", log_quote("too long"));
}

void keeper_rules_tell(struct keeper *k, struct keeper_link *l)
{
    uint8_t data[64];
    size_t length;

    in_force_put(k, data, &length);
    keeper_send(k, l, data, length);
}

static void tell_all(struct keeper *k)
{
    uint8_t data[64];
    size_t length;

    in_force_put(k, data, &length);
    keeper_send_all(k, data, length);
}

static void answer(struct keeper *k, uint64_t number, int error,
                   const char *problem)
{
    struct rules_ready v = {.number = number, .error = error};
    uint8_t data[sizeof(v) + 64];
    size_t length;

    snprintf(v.problem, sizeof(v.problem), "%s", problem);
    if (rules_ready_put(&v, data, sizeof(data), &length) == 0)
        keeper_tell(k, data, length);
}

/* Behind this nothing can be taken back: what fails ends the process, and the
 * next one starts with what the supervisor has then. */
static void take_over(struct keeper *k, uint64_t number,
                      const struct keeper_approved *approved)
{
    char problem[512];

    snapshot_forget_text(&k->snapshot);
    keeper_record_approvers(k, approved);
    if (keeper_load_policy(k, approved, problem) != 0)
        fatal("policy_not_taken_over", "problem=%s", log_quote(problem));
    k->rules = number;
    memset(k->seen, 0, sizeof(k->seen)); /* whose indices are gone */
    tell_all(k);
    keeper_due(k);
    k->rules_answer.number = number;
    k->rules_answer.until = ledger_size(k->ledger);
    log_info("rules_in_force", "rules=%llu policy=%u",
             (unsigned long long)number, k->policy->serial);
}

/* The thread that talks to witnesses looks at the settings of the start; what
 * it looks at cannot be reloaded. */
static void retire(struct keeper *k, struct going_by *old)
{
    if (k->first_settings == NULL) {
        k->first_settings = old->snapshot.settings;
        old->snapshot.settings = NULL;
    }
    going_by_release(old);
}

void keeper_take_rules(struct keeper *k, uint64_t number, int memfd)
{
    struct going_by new = {.policy = NULL}, old;
    struct keeper_approved approved;
    char problem[512] = "";
    int r = read_new(memfd, &new, problem);

    if (r == 0) {
        old = swap(k, &new);
        if ((r = examine(k, &approved, problem)) != 0)
            new = swap(k, &old);
    }
    if (r != 0) {
        going_by_release(&new);
        answer(k, number, r, problem);
        return;
    }
    take_over(k, number, &approved);
    retire(k, &old);
}

void keeper_rules_turn(struct keeper *k)
{
    if (k->rules_answer.number == 0 ||
        ledger_durable(k->ledger) < k->rules_answer.until)
        return;
    answer(k, k->rules_answer.number, 0, "");
    k->rules_answer.number = 0;
}
