/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `sallyport explain` share. */
#ifndef SP_CTL_EXPLAIN_H
#define SP_CTL_EXPLAIN_H

#include "ctl/overview.h"
#include "policy/explain.h"

#define EXPLAIN_HEADERS 16

/* A request as the options say it. */
struct explain_request {
    const char *as, *method, *path, *address;
    const char *revocation;  /* "good", "revoked", "unknown"; NULL: good, if the
                                party wants it asked */
    const char *certificate; /* SHA-256 of its DER in hex, NULL: one that the
                                ledger has not seen */
    const char *headers[EXPLAIN_HEADERS]; /* "name: value" */
    size_t nheaders;
    char *body; /* malloc'd, or NULL */
    size_t body_length;
};

/* What the gate's worker would make of it: the same fault first, where more
 * than one thing is wrong. `body` keeps the parse. Tells on stderr what cannot
 * be asked (nobody of that name …): SP_EINVAL. */
int explain_facts(const struct explain_request *r, const struct policy *p,
                  struct json *body, struct facts *f) SP_MUST_USE;

/* What is told. */
struct explain_answer {
    const struct overview *overview;
    const struct explain_request *request;
    const struct explanation *explanation;
    bool has_ledger;
    bool show_body;
};

void explain_tell(const struct explain_answer *a);
void explain_tell_json(const struct explain_answer *a);

/* "sallyport explain: …" on stderr; SP_EINVAL. */
int explain_complain(const char *format, ...) SP_PRINTF(1, 2);

#endif
