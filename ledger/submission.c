/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is handed to a witness and what its answer means. Pure but for the
 * ledger's tiles; used where submissions are made. Answers come from outside.
 */
#include "ledger/submission.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static int proof_add(char *body, size_t *n, const struct merkle_path *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        if (SUBMISSION_MAX - *n < 46)
            return SP_ETOOBIG;
        sodium_bin2base64(body + *n, 45, p->hashes[i].b, MERKLE_HASH,
                          sodium_base64_VARIANT_ORIGINAL);
        body[*n + 44] = '\n';
        *n += 45;
    }
    return 0;
}

int submission_make(struct ledger_view *v, const char *note, size_t note_length,
                    uint64_t old, char body[SUBMISSION_MAX + 1], size_t *length)
{
    const struct checkpoint *head = ledger_view_checkpoint(v);
    struct merkle_path path = {.count = 0};
    int r = 0;

    if (old > head->size)
        return SP_ERANGE;
    if (old > 0 && old < head->size)
        r = merkle_prove_consistency(ledger_view_hash, v, old, head->size,
                                     &path);
    if (r != 0)
        return r;
    size_t n = (size_t)snprintf(body, SUBMISSION_MAX, "old %llu\n",
                                (unsigned long long)old);
    if ((r = proof_add(body, &n, &path)) != 0)
        return r;
    if (note_length > SUBMISSION_MAX - n - 1)
        return SP_ETOOBIG;
    body[n++] = '\n';
    memcpy(body + n, note, note_length);
    body[n + note_length] = '\0';
    *length = n + note_length;
    return 0;
}

/* A size and a newline, and nothing else. */
static int size_parse(const char *body, size_t length, uint64_t *size)
{
    *size = 0;
    if (length < 2 || length > 20 || body[length - 1] != '\n' ||
        (body[0] == '0' && length > 2))
        return SP_EINVAL;
    for (size_t i = 0; i + 1 < length; i++) {
        if (body[i] < '0' || body[i] > '9')
            return SP_EINVAL;
        *size = *size * 10 + (uint64_t)(body[i] - '0');
    }
    return *size <= INT64_MAX ? 0 : SP_EINVAL;
}

enum submission_answer submission_judge(unsigned status, const char *body,
                                        size_t length, uint64_t old,
                                        uint64_t newest, uint64_t *size,
                                        const char **why)
{
    *size = 0;
    *why = "";
    if (status == 200)
        return SUBMISSION_COSIGNED;
    if (status == 422) {
        *why = "it says that our head does not extend what it cosigned";
        return SUBMISSION_FORK;
    }
    if (status != 409) {
        *why = "it does not cosign";
        return SUBMISSION_REFUSED;
    }
    if (size_parse(body, length, size) != 0) {
        *why = "a conflict, and it does not say at which size";
        return SUBMISSION_FORK;
    }
    if (*size > newest) {
        *why = "it has cosigned more entries than we ever signed";
        return SUBMISSION_FORK;
    }
    if (*size == old) {
        *why = "a conflict at the very size that we began from";
        return SUBMISSION_FORK;
    }
    return SUBMISSION_STALE;
}
