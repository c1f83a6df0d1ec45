/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log`: for auditors. Runs a subcommand, each in a file of its own,
 * and has what they all print with. Runs on anybody's machine over a folder
 * that anybody may have written.
 */
#include "ctl/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/log_keys.h"
#include "ctl/verbs.h"
#include "policy/entry.h"

static const char usage[] =
    "usage: sallyport log verify DIR|URL [--key VKEY | --key-file FILE | "
    "--no-key]\n"
    "                                [--since CHECKPOINT]\n"
    "                                [--policy-file TLOG-POLICY] [--json]\n"
    "       sallyport log show DIR [N | --from A --to B] [--kind KIND]\n"
    "                              [--person PERSON] [--json]\n"
    "       sallyport log key DIR [--json]\n"
    "       sallyport log acceptances DIR [--json]\n"
    "       sallyport log prove DIR N [-o FILE]\n"
    "       sallyport log check-proof FILE --key VKEY [--entry FILE] [--json]\n"
    "       sallyport log replay DIR [--policy FILE]... [--instead "
    "SERIAL=FILE]...\n"
    "       sallyport log open-commitment DIR N;SALT [--asked FILE]\n"
    "                                                [--answered FILE]\n"
    "       sallyport log open-commitment DIR --receipts FILE\n"
    "       sallyport log export DIR --party PARTY -o FOLDER [--from TIME] "
    "[--to TIME]\n"
    "       sallyport log check-export FOLDER --key VKEY\n"
    "       sallyport log report recipients DIR --model MODEL [--json]\n"
    "       sallyport log witness ...\n"
    "       sallyport log rotate-key DIR\n"
    "\n"
    "DIR is a deployment (with sallyport.yaml) or a ledger's folder, URL a "
    "gateway's\n"
    "https://HOST[:PORT].\n"
    "  verify  checks everything that the signed checkpoint commits to\n"
    "  show    prints entries\n"
    "  key     prints the public key that checkpoints are signed with\n"
    "  acceptances  who accepted which document; verifies each signature\n"
    "  prove    writes a proof that entry N is in the signed ledger\n"
    "  check-proof  checks such a proof, without the ledger\n"
    "  replay   makes every decision again and names the first that differs\n"
    "  open-commitment  shows by a receipt's salt what was asked and answered\n"
    "  export   a party's entries with proofs, as evidence\n"
    "  check-export  verifies such an export, without the ledger\n"
    "  report recipients  who was given answers of a model\n"
    "  witness      cosigns other people's ledgers\n"
    "  rotate-key   has another key sign from now on\n"
    "`sallyport log SUBCOMMAND --help` explains one of them.\n";

static const char key_usage[] =
    "usage: sallyport log key DIR [--json]\n"
    "\n"
    "Prints the ledger's public key (a C2SP vkey) that auditors need to "
    "verify\n"
    "checkpoints. From a deployment it is keys/ledger.vkey; from a bare "
    "ledger\n"
    "it is what the ledger's entries say about themselves, which proves "
    "nothing\n"
    "until the developer confirms it in another way.\n";

int log_finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fputs("sallyport log: standard output could not be written\n", stderr);
    return status == EXIT_HOLDS ? EXIT_FAILS : status;
}

void log_print_json_text(const char *text)
{
    char out[4096];
    size_t n = 0;

    if (json_quote(out, sizeof out, &n, text, strlen(text)) != 0)
        n = (size_t)snprintf(out, sizeof out, "\"\"");
    printf("%.*s", (int)n, out);
}

void log_print_bytes(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] < 0x20 || data[i] == 0x7f)
            printf("\\x%02x", data[i]);
        else
            putchar(data[i]);
}

/* The entry that names the newest key: what handed over to it has its number.
 * None: the first entry. */
static uint64_t newest_handover(const struct log_source *s)
{
    int fd = openat(s->folder, LOG_HANDOVERS,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    uint64_t newest = 0;

    while (d != NULL && (e = readdir(d)) != NULL) {
        char *end;
        uint64_t n = strtoull(e->d_name, &end, 10);
        if (*end == '\0' && n > newest)
            newest = n;
    }
    if (d != NULL)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return newest;
}

/* The key that the ledger's own entries name. */
static int key_from_entry(struct log_source *s, char text[NOTE_KEY_TEXT_MAX])
{
    uint64_t n = newest_handover(s);
    struct ledger_view *v = NULL;
    struct entry_reader reader;
    const uint8_t *line;
    size_t length;
    struct entry e;
    int status = log_view_open(s, &v);

    if (status != EXIT_HOLDS)
        return status;
    entry_reader_init(&reader);
    int r = ledger_view_entry(v, n, &line, &length);
    if (r == 0)
        r = entry_decode(&reader, (const char *)line, length, &e);
    if (r == 0 && e.kind != (n == 0 ? ENTRY_LOG_OPENED : ENTRY_LOG_REKEYED))
        r = SP_ENOENT;
    if (r == 0)
        snprintf(text, NOTE_KEY_TEXT_MAX, "%s",
                 n == 0 ? e.u.log_opened.vkey : e.u.log_rekeyed.vkey);
    else
        fprintf(stderr, "sallyport log: %s: entry %llu names no key: %s\n",
                s->folder_name, (unsigned long long)n, sp_strerror(r));
    entry_reader_release(&reader);
    ledger_view_free(v);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int key_print(const char *dir, bool json)
{
    char text[NOTE_KEY_TEXT_MAX];
    struct log_source s;
    int status = log_source_open(dir, NULL, NULL, &s);

    if (status != EXIT_HOLDS)
        return status;
    if (s.has_key) {
        if (note_verifier_format(&s.key, text) != 0)
            status = EXIT_FAILS;
    } else if ((status = key_from_entry(&s, text)) == EXIT_HOLDS) {
        fputs("sallyport log: this is what the ledger says of itself: have the "
              "developer confirm it\n",
              stderr);
    }
    if (status == EXIT_HOLDS && json) {
        fputs("{\"vkey\":", stdout);
        log_print_json_text(text);
        printf(",\"confirmed\":%s}\n", s.has_key ? "true" : "false");
    } else if (status == EXIT_HOLDS) {
        puts(text);
    }
    log_source_close(&s);
    return log_finish(status);
}

static int log_key(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool json = false;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(key_usage, stdout);
            return EXIT_HOLDS;
        }
        if (c != 'j') {
            fputs(key_usage, stderr);
            return EXIT_MISUSED;
        }
        json = true;
    }
    if (argc - optind != 1) {
        fputs(key_usage, stderr);
        return EXIT_MISUSED;
    }
    return key_print(argv[optind], json);
}

int verb_log(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } subcommands[] = {{"verify", log_verify},
                       {"show", log_show},
                       {"key", log_key},
                       {"acceptances", log_acceptances},
                       {"prove", log_prove},
                       {"check-proof", log_check_proof},
                       {"replay", log_replay},
                       {"open-commitment", log_open_commitment},
                       {"export", log_export},
                       {"check-export", log_check_export},
                       {"report", log_report},
                       {"witness", log_witness},
                       {"rotate-key", log_rotate_key}};

    if (argc < 2) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return EXIT_HOLDS;
    }
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    fprintf(stderr,
            "sallyport log: unknown subcommand \"%.60s\": wanted one of",
            argv[1]);
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        fprintf(stderr, " %s", subcommands[i].name);
    fputc('\n', stderr);
    return EXIT_MISUSED;
}
