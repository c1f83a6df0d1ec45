/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy of any number of people, as text: parties take turns in being
 * recognised by URI, by key and by names, one person in sixteen is a service.
 * A header with its code, for bench-decide and the tests of large policies.
 */
#ifndef SP_BENCH_CROWD_H
#define SP_BENCH_CROWD_H

#include <stdio.h>
#include <stdlib.h>

#define CROWD_OPENS    "2026-11-01T00:00:00Z"
#define CROWD_OPENS_MS 1793491200000LL

static inline void crowd_person(FILE *f, unsigned party, unsigned person)
{
    fprintf(f, "      evaluator-%06u: {", person);
    if (party % 4 == 1)
        fprintf(f, "spki_sha256: %056x%08x", party + 1, person);
    else if (party % 4 == 2)
        fprintf(f,
                "issuer_subject: \"CN=Evaluator %06u,OU=Evaluation,"
                "O=Party %04u,C=US | CN=Party %04u Issuing CA,C=US\"",
                person, party, party);
    else
        fprintf(f,
                "san_uri: \"sallyport://sp-east-1/party-%04u/"
                "evaluator-%06u\"",
                party, person);
    if (person % 16 == 15)
        fprintf(f, ", kind: service, custodian: evaluator-%06u", person - 1);
    fprintf(f, "}\n");
}

/* The text, malloc'd; NULL: out of memory. `anchors` as policies name them. */
static inline char *crowd_policy(unsigned people, unsigned parties,
                                 const char *anchors, size_t *length)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, length);
    unsigned done = 0;

    if (f == NULL)
        return NULL;
    fprintf(f, "policy: 1\nserial: 1\nsequence: concurrent\nmodels:\n"
               "  orion: {upstream: {endpoints: [\"http://127.0.0.1:9\"]}, "
               "apis: [openai.chat]}\nparties:\n");
    for (unsigned i = 0; i < parties; i++) {
        unsigned until =
            (unsigned)((unsigned long long)people * (i + 1) / parties);

        fprintf(f,
                "  party-%04u:\n    kind: trusted-partner\n    anchors: %s\n"
                "    people:\n",
                i, anchors);
        for (; done < until; done++)
            crowd_person(f, i, done);
    }
    fprintf(f, "terms:\n  plain: {budget: {person: {concurrent: 16384, "
               "requests_per_minute: 10M}}}\nwindows:\n");
    for (unsigned i = 0; i < parties; i++)
        fprintf(f,
                "  - {party: party-%04u, model: orion, opens: " CROWD_OPENS
                ", lasts: 30d, terms: [plain]}\n",
                i);
    fclose(f);
    return text;
}

#endif
