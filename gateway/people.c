/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads everybody who may come from a policy and its files. Runs in the
 * supervisor (to check) and in workers; the files are the operator's, approved
 * with the policy.
 */
#include "gateway/people.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Puts who it is about before what is wrong. */
static void tell(char problem[256], const char *kind, const char *name,
                 const char *what)
{
    char text[256];

    snprintf(text, sizeof(text), "%s", what);
    snprintf(problem, 256, "%s %.64s: %.180s", kind, name, text);
}

/* The intermediates that a party's people may leave out, malloc'd: those of the
 * policy, and for the deployment's own authority the one that issues. */
static int read_others(const struct snapshot *s, const struct policy_party *p,
                       uint8_t **others, size_t *length)
{
    const uint8_t *named = NULL, *chain = NULL;
    size_t n = 0, m = 0;
    int e = 0;

    if (p->intermediates != NULL)
        e = snapshot_file(s->files, p->intermediates, &named, &n);
    if (e != 0)
        return e;
    if (strcmp(p->anchors, "ca") == 0 &&
        snapshot_file(s->files, "@authority.chain", &chain, &m) != 0)
        m = 0; /* an old authority issues by itself */
    *length = n + m;
    if (n + m == 0)
        return 0;
    if ((*others = malloc(n + m + 1)) == NULL)
        return SP_ENOMEM;
    if (n > 0)
        memcpy(*others, named, n);
    (*others)[n] = '\n'; /* the file's last line may have no end */
    if (m > 0)
        memcpy(*others + n + 1, chain, m);
    *length = n + 1 + m;
    return 0;
}

/* Approvers sign policy.yaml alone: a file that it names can be exchanged
 * behind their backs, unless the policy says what is in it. */
static int check_pin(const struct policy_party *p, const uint8_t *anchors,
                     size_t length, char problem[256])
{
    uint8_t sha256[32];

    if (!p->has_anchors_sha256)
        return 0;
    crypto_hash_sha256(sha256, anchors, length);
    if (memcmp(sha256, p->anchors_sha256, sizeof(sha256)) == 0)
        return 0;
    tell(problem, "party", p->name,
         "its anchors have another SHA-256: expected anchors_sha256, those "
         "that were approved");
    return SP_EINVAL;
}

static int party_add(const struct policy_party *p, uint32_t index,
                     const uint8_t *anchors, size_t anchors_length,
                     const uint8_t *others, size_t others_length,
                     struct identities *ids, char problem[256])
{
    struct identity_policy policies[POLICY_CERTIFICATES_MAX];
    const struct identity_rules rules = {
        .policies = policies,
        .npolicies = p->ncertificates,
        .any_eku = p->any_eku,
        .own_anchors = strcmp(p->anchors, "ca") == 0,
        .wants_links = p->revocation.mode != POLICY_REVOCATION_NONE,
    };

    for (size_t i = 0; i < p->ncertificates; i++)
        policies[i] = (struct identity_policy){
            .oid = p->certificates[i].oid,
            .service = p->certificates[i].service,
        };
    return identities_add_party(ids, index, anchors, anchors_length, others,
                                others_length, &rules, problem);
}

static int load_party(const struct snapshot *s, uint32_t index,
                      struct identities *ids, char problem[256])
{
    const struct policy_party *p = &s->policy->parties[index];
    const uint8_t *anchors = NULL;
    uint8_t *others = NULL;
    size_t anchors_length = 0, others_length = 0;
    int e = snapshot_file(s->files, p->anchors, &anchors, &anchors_length);

    if (e == 0)
        e = read_others(s, p, &others, &others_length);
    if (e != 0) {
        tell(problem, "party", p->name, "its anchors were not read");
        return e;
    }
    problem[0] = '\0';
    e = check_pin(p, anchors, anchors_length, problem);
    if (e == 0)
        e = party_add(p, index, anchors, anchors_length, others, others_length,
                      ids, problem);
    free(others);
    if (e != 0)
        tell(problem, "party", p->name,
             problem[0] != '\0' ? problem : sp_strerror(e));
    return e;
}

static int load_person(const struct snapshot *s, uint32_t index,
                       struct identities *ids, char problem[256])
{
    const struct policy_person *p = &s->policy->people[index];
    const char *const other = p->other;
    const struct identity_match match = {
        .issuer_subject = p->issuer_subject,
        .spki_sha256 = p->spki_sha256,
        .san_uri = p->san_uri,
        .issuer_serial = p->match == MATCH_SERIAL ? other : NULL,
        .san_uuid = p->match == MATCH_UUID ? other : NULL,
        .san_email = p->match == MATCH_EMAIL ? other : NULL,
        .upn = p->match == MATCH_UPN ? other : NULL,
        .edipi = p->match == MATCH_EDIPI ? other : NULL,
        .fasc_n = p->match == MATCH_FASCN ? other : NULL,
        .policy = p->policy,
        .service = p->kind == PERSON_SERVICE,
    };
    int e;

    problem[0] = '\0';
    e = identities_add_person(ids, p->party, index, &match, problem);
    if (e != 0)
        tell(problem, "person", p->name,
             problem[0] != '\0' ? problem : sp_strerror(e));
    return e;
}

int people_load(const struct snapshot *s, struct identities **out,
                char problem[256])
{
    struct identities *ids = identities_new();
    int e = ids != NULL ? 0 : SP_ENOMEM;

    if (ids == NULL)
        tell(problem, "policy", "", sp_strerror(SP_ENOMEM));
    for (uint32_t i = 0; e == 0 && i < s->policy->nparties; i++)
        e = load_party(s, i, ids, problem);
    for (uint32_t i = 0; e == 0 && i < s->policy->npeople; i++)
        e = load_person(s, i, ids, problem);
    if (e != 0) {
        identities_free(ids);
        return e;
    }
    *out = ids;
    return 0;
}
