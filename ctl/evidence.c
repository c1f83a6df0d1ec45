/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to an export, and the two texts in it that people read. Runs on
 * an operator's or auditor's machine; entries come from anybody's ledger.
 */
#include "ctl/evidence.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

bool evidence_name_is_good(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/";

    return name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL &&
           strspn(name, letters) == strlen(name);
}

/* ---- what belongs to it ---- */

static bool is_context(const struct entry *e)
{
    return e->kind == ENTRY_LOG_OPENED || e->kind == ENTRY_APPROVERS_SET ||
           e->kind == ENTRY_POLICY_LOADED;
}

static int request_add(struct evidence_filter *f, uint64_t n)
{
    int r = numbers_add(&f->open, n);

    return r != 0 ? r : numbers_add(&f->taken, n);
}

int evidence_take(struct evidence_filter *f, const struct entry *e, bool *take)
{
    *take = is_context(e);
    if (e->kind == ENTRY_REQUEST_CLOSED)
        *take = numbers_remove(&f->open, entry_request(e));
    if (e->kind == ENTRY_TRANSCRIPT_REVEALED)
        *take = numbers_has(&f->taken, entry_request(e));
    if (e->t < f->from || e->t >= f->to)
        return 0;
    *take = *take || entry_is_of_party(e, f->party);
    return *take && e->kind == ENTRY_REQUEST_ADMITTED ? request_add(f, e->n)
                                                      : 0;
}

void evidence_filter_release(struct evidence_filter *f)
{
    numbers_release(&f->open);
    numbers_release(&f->taken);
}

void evidence_count(struct evidence_scope *s, const struct entry *e)
{
    s->entries++;
    s->admitted += e->kind == ENTRY_REQUEST_ADMITTED;
    s->refused += e->kind == ENTRY_REQUEST_REFUSED;
    s->ended += e->kind == ENTRY_REQUEST_CLOSED;
}

/* ---- texts ---- */

static int quote(struct buf *out, const char *lead, const char *text)
{
    char quoted[2048];
    size_t n = 0;
    int r = json_quote(quoted, sizeof quoted, &n, text, strlen(text));

    if (r == 0)
        r = buf_printf(out, "%s%.*s", lead, (int)n, quoted);
    return r;
}

static void time_text(int64_t t, const char *none,
                      char text[CLOCK_UTC_SIZE + 24])
{
    if (t == 0 || t == INT64_MAX)
        strcpy(text, none);
    else
        clock_format_utc(t, text);
}

int evidence_about(const struct evidence_scope *s, struct buf *out)
{
    char from[CLOCK_UTC_SIZE + 24], to[CLOCK_UTC_SIZE + 24];
    int r;

    time_text(s->from, "", from);
    time_text(s->to, "", to);
    if ((r = quote(out, "{\"format\":\"sallyport-export-1\",\"origin\":",
                   s->origin)) != 0 ||
        (r = quote(out, ",\"party\":", s->party)) != 0 ||
        (r = quote(out, ",\"from\":", from)) != 0 ||
        (r = quote(out, ",\"to\":", to)) != 0 ||
        (r = quote(out, ",\"tool\":", s->version)) != 0)
        return r;
    return buf_printf(out,
                      ",\"checkpoint\":%" PRIu64 ",\"entries\":%" PRIu64
                      ",\"admitted\":%" PRIu64 ",\"refused\":%" PRIu64
                      ",\"ended\":%" PRIu64 "}\n",
                      s->size, s->entries, s->admitted, s->refused, s->ended);
}

int evidence_statement(const struct evidence_scope *s, struct buf *out)
{
    char from[CLOCK_UTC_SIZE + 24], to[CLOCK_UTC_SIZE + 24];

    time_text(s->from, "the ledger's beginning", from);
    time_text(s->to, "the checkpoint", to);
    return buf_printf(
        out,
        "Statement about records of a regularly conducted activity\n"
        "\n"
        "Ledger      %s\n"
        "Party       %s\n"
        "From        %s\n"
        "To          %s (not included; ends of requests that began before "
        "are)\n"
        "Checkpoint  of %" PRIu64 " entries\n"
        "Records     %" PRIu64 " entries, of them %" PRIu64
        " requests admitted,\n"
        "            %" PRIu64 " refused, %" PRIu64 " ended\n"
        "\n"
        "How these records were made. A gateway, sallyport, stands between "
        "evaluators\n"
        "and a model. Its keeper process decides on each request by a policy "
        "that the\n"
        "developer's approvers signed, and writes each decision, and later the "
        "end of\n"
        "each admitted request, into an append-only log before any byte of an "
        "answer\n"
        "leaves. It did so at the times in the entries (milliseconds since "
        "1970 UTC), by\n"
        "itself, as it does for every request. Prompts and answers are not in "
        "the log:\n"
        "it has their sizes and salted hashes. The entries are "
        "in " EVIDENCE_ENTRIES " as\n"
        "they were written, byte for byte.\n"
        "\n"
        "How they can be checked. Each entry has a proof in proofs/ that it "
        "stands at its\n"
        "index in the tree whose root the checkpoint signs, under the key in "
        "" EVIDENCE_KEY ";\n"
        "`sallyport log check-export` verifies all of it, any verifier of "
        "C2SP\n"
        "tlog-proof@v1 one of them. " EVIDENCE_MANIFEST " has the SHA-256 of "
        "every file.\n"
        "\n"
        "What they do not show. The proofs show that what is here is in the "
        "ledger, not\n"
        "that all of the party's entries are here: for that the whole ledger "
        "is read\n"
        "(`sallyport log export` again gives the same bytes). What a request "
        "was like and\n"
        "how large its answer was is written down as the gateway's worker "
        "process told\n"
        "it. Made with sallyport %s.\n"
        "\n"
        "To be completed, on a copy, by the custodian of the records:\n"
        "\n"
        "I am a custodian of the records described above, or otherwise "
        "qualified to\n"
        "speak about how they are made and kept.\n"
        "\n"
        "Name        ______________________________\n"
        "Function    ______________________________\n"
        "Place, date ______________________________\n"
        "Signature   ______________________________\n",
        s->origin, s->party, from, to, s->size, s->entries, s->admitted,
        s->refused, s->ended, s->version);
}
