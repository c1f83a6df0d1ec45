/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command `sallyport`: finds the verb in a table and runs it. Each verb is
 * a file of its own. Runs as whoever called it; its arguments are trusted as
 * far as the caller is.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "certs/token.h"
#include "ctl/credential.h"
#include "ctl/verbs.h"

static const struct verb verbs[] = {
    {"accept", verb_accept, "read and sign a document, as an evaluator"},
    {"explain", verb_explain, "say what would happen to a request, and why"},
    {"approve", verb_approve, "read a policy and sign it as an approver"},
    {"ca", verb_ca,
     "the deployment's own authority, for parties that bring none"},
    {"check", verb_check, "check a configuration and its policy"},
    {"close", verb_close, "end one window now"},
    {"connect", verb_connect,
     "a local port for tools that know no certificates"},
    {"demo", verb_demo, "show the gate at work with real connections"},
    {"demo-model", verb_demo_model, "a stand-in for a model's endpoint"},
    {"drain", verb_drain, "end a running daemon, and what is open in time"},
    {"enrol", verb_enrol, "get access to a gateway, step by step"},
    {"finding", verb_finding, "keys for findings, and opening them"},
    {"init", verb_init, "make a deployment that runs at once"},
    {"log", verb_log, "verify and read a ledger"},
    {"release", verb_release, "end all windows of a model, for good"},
    {"reload", verb_reload,
     "have a running daemon read its files again, as they are now"},
    {"resume", verb_resume, "end a suspension, with an approver"},
    {"revoke", verb_revoke, "end a party's or a person's access for good"},
    {"seal", verb_seal, "keys that transcripts are sealed to"},
    {"status", verb_status, "what a running daemon says about itself"},
    {"unseal", verb_unseal, "open a sealed transcript"},
    {"whoami", verb_whoami, "what a gateway says about you"},
    {"suspend", verb_suspend,
     "refuse a party or a person everything, until resumed"},
    {"windows", verb_windows,
     "which party may use which model, and until when"},
};

#define NVERBS (sizeof verbs / sizeof verbs[0])

/* Longer than any verb; longer words are compared cut. */
#define WORD_BYTES 24

static void help_print(FILE *out)
{
    fputs("usage: sallyport VERB [ARGUMENT]...\n"
          "       sallyport --help | --version\n\n",
          out);
    for (size_t i = 0; i < NVERBS; i++)
        fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
    fputs(
        "\n  -h, --help     this text\n"
        "  -V, --version  which version it is\n"
        "\n`sallyport VERB --help` explains one of them. Exit status: 0, 1 if "
        "what was\nchecked does not hold or the work failed, 2 for wrong "
        "usage.\n",
        out);
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein's edit distance of the first WORD_BYTES of each. */
static size_t word_distance(const char *a, const char *b)
{
    size_t la = strnlen(a, WORD_BYTES), lb = strnlen(b, WORD_BYTES);
    size_t row[WORD_BYTES + 1];

    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1,
                          diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[lb];
}

/* NULL if nothing is near enough to be a slip of the fingers. */
static const char *verb_nearest(const char *word)
{
    const char *nearest = NULL;
    size_t best = 3;

    for (size_t i = 0; i < NVERBS; i++) {
        size_t distance = word_distance(word, verbs[i].name);
        if (distance < best) {
            best = distance;
            nearest = verbs[i].name;
        }
    }
    return nearest;
}

static int verb_unknown(const char *word)
{
    const char *nearest = verb_nearest(word);

    fprintf(stderr, "sallyport: unknown verb \"%.60s\"", word);
    if (nearest != NULL)
        fprintf(stderr, ": did you mean \"%s\"?\n", nearest);
    else
        fputs(": `sallyport --help` lists them\n", stderr);
    return EXIT_MISUSED;
}

bool verb_asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    /* A reader that leaves (`| head`) or a peer that hangs up is an error
     * code for the verb, not the end of it. */
    signal(SIGPIPE, SIG_IGN);
    token_set_prompt(credential_prompt);
    if (argc < 2) {
        help_print(stderr);
        return EXIT_MISUSED;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        help_print(stdout);
        return EXIT_HOLDS;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("sallyport " SP_VERSION);
        return EXIT_HOLDS;
    }
    for (size_t i = 0; i < NVERBS; i++) {
        if (strcmp(word, verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    return verb_unknown(word);
}
