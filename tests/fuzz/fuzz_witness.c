/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a witness is asked, as what one answers, and as a policy
 * and a file of logs: nothing that no key has signed is ever cosigned or
 * counted, and nothing that is refused changes anything.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/cosignature.h"
#include "ledger/submission.h"
#include "ledger/witness.h"
#include "ledger/witness_policy.h"

#define ORIGIN "log.example/audit"
#define BODY   ORIGIN "\n1\n2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct note_signer log_key, witness_key;

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* A witness that knows the log; only this process can sign for it, and never
 * does here. */
static struct witness *witness_once(void)
{
    static const uint8_t seed[32] = {1}, other[32] = {2};
    static struct witness *w;
    static char path[] = "/tmp/fuzz-witness-XXXXXX";

    if (w != NULL)
        return w;
    must(note_signer_from_seed(ORIGIN, seed, &log_key) == 0);
    must(note_witness_from_seed("w", other, &witness_key) == 0);
    must(mkdtemp(path) != NULL);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(folder >= 0);
    must(witness_open(folder, &witness_key, &log_key.verifier, 1, &w) == 0);
    return w;
}

static void asked(const char *text, size_t size)
{
    struct witness_answer a;
    uint64_t have;

    witness_add_checkpoint(witness_once(), text, size, 1700000000, &a);
    must(a.status == 400 || a.status == 403 || a.status == 404);
    must(a.length == strlen(a.body) && a.why[0] != '\0');
    must(witness_size(witness_once(), ORIGIN, &have) == 0 && have == 0);
}

/* The same behind a head that the log did sign: it may be cosigned, or stale,
 * but only as what it is. */
static void asked_before_a_head(const char *text, size_t size)
{
    static char note[NOTE_MAX], body[WITNESS_BODY_MAX + NOTE_MAX];
    struct witness_answer a;
    size_t length;

    if (size > WITNESS_BODY_MAX || memchr(text, '\0', size) != NULL)
        return;
    must(note_sign(&log_key,
                   ORIGIN "\n0\n47DEQpj8HBSa+/"
                          "TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
                   note, sizeof note, &length) == 0);
    memcpy(body, text, size);
    memcpy(body + size, note, length);
    witness_add_checkpoint(witness_once(), body, size + length, 1700000000, &a);
    must(a.status != 500);
    if (a.status == 200) /* of size 0, and nothing more */
        must(a.size == 0 && size == 7 && memcmp(body, "old 0\n\n", 7) == 0);
}

static void answered(const char *text, size_t size)
{
    static char note[NOTE_MAX];
    size_t length, before;
    uint64_t told;
    const char *why;
    unsigned added;

    must(note_sign(&log_key, BODY, note, sizeof note, &length) == 0);
    before = length;
    int r = cosignature_append(note, sizeof note, &length, text, size,
                               &witness_key.verifier, 1, &added);
    must(added == 0 && length == before && (r <= 0));
    for (unsigned status = 200; status < 430; status++)
        (void)submission_judge(status, text, size, 3, 7, &told, &why);
}

static void read_as_files(const char *text, size_t size)
{
    struct report report = {0};
    struct note_verifier *logs;
    struct witness_policy *p;
    size_t nlogs = 0;

    int r = witness_policy_parse(text, size, "p", &report, &p);
    must((r == 0) == (p != NULL) && (r == SP_EINVAL) == (report.errors > 0));
    witness_policy_free(p);
    report.errors = 0;
    r = witness_logs_parse(text, size, "l", &report, &logs, &nlogs);
    must((r == 0) == (nlogs > 0) && (r == SP_EINVAL) == (report.errors > 0));
    free(logs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    asked(text, size);
    asked_before_a_head(text, size);
    answered(text, size);
    read_as_files(text, size);
    return 0;
}
