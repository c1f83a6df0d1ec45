/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log`: for auditors. Finds the ledger and the key that is to have
 * signed it, and runs a subcommand. Runs on anybody's machine over a folder
 * that anybody may have written.
 */
#include "ctl/log.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/deployment.h"
#include "ctl/verbs.h"
#include "lib/file.h"
#include "policy/entry.h"

static const char usage[] =
    "usage: sallyport log verify DIR [--key VKEY | --key-file FILE | "
    "--no-key]\n"
    "                                [--earlier CHECKPOINT] [--json]\n"
    "       sallyport log show DIR [N | --from A --to B] [--kind KIND]\n"
    "                              [--person PERSON] [--json]\n"
    "       sallyport log key DIR [--json]\n"
    "       sallyport log acceptances DIR [--json]\n"
    "       sallyport log witness ...\n"
    "\n"
    "DIR is a deployment (with sallyport.yaml) or a ledger's folder.\n"
    "  verify  checks everything that the signed checkpoint commits to\n"
    "  show    prints entries\n"
    "  key     prints the public key that checkpoints are signed with\n"
    "  acceptances  who accepted which document; verifies each signature\n"
    "  witness      cosigns other people's ledgers\n"
    "`sallyport log SUBCOMMAND --help` explains one of them.\n";

static const char key_usage[] =
    "usage: sallyport log key DIR [--json]\n"
    "\n"
    "Prints the ledger's public key (a C2SP vkey) that auditors need to "
    "verify\n"
    "checkpoints. From a deployment it is keys/ledger.vkey; from a bare "
    "ledger\n"
    "it is what the ledger's first entry says about itself, which proves "
    "nothing\n"
    "until the developer confirms it in another way.\n";

static char *path_sibling(const char *path, const char *ending)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash == NULL ? path : slash, '.');
    size_t stem = dot == NULL ? strlen(path) : (size_t)(dot - path);
    size_t size = stem + strlen(ending) + 1;
    char *out = malloc(size);

    if (out != NULL)
        snprintf(out, size, "%.*s%s", (int)stem, path, ending);
    return out;
}

static bool file_is_there(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    bool there = path != NULL && access(path, F_OK) == 0;

    free(path);
    return there;
}

/* Where a deployment says its ledger and key are. */
static int deployment_paths(const char *dir, char **ledger, char **vkey)
{
    struct deployment d = {.settings = NULL};
    int r = deployment_load(dir, false, stderr, &d);

    if (r != 0)
        return EXIT_FAILS;
    *ledger = settings_path(d.settings, d.settings->ledger);
    char *key = settings_path(d.settings, d.settings->ledger_key);
    *vkey = key == NULL ? NULL : path_sibling(key, ".vkey");
    free(key);
    deployment_release(&d);
    return *ledger != NULL && *vkey != NULL ? EXIT_HOLDS : EXIT_FAILS;
}

static int key_parse(struct log_source *s, const char *text, size_t length,
                     const char *from)
{
    int r = note_verifier_parse(text, length, &s->key);

    if (r == 0 && s->key.type != 0x01)
        r = SP_EUNSUPPORTED;
    if (r != 0) {
        fprintf(stderr,
                "sallyport log: %s: %s: wanted a vkey like "
                "name+1a2b3c4d+base64\n",
                from, sp_strerror(r));
        return EXIT_FAILS;
    }
    s->has_key = true;
    s->key_from = strdup(from);
    return s->key_from != NULL ? EXIT_HOLDS : EXIT_FAILS;
}

static int key_read(struct log_source *s, const char *file)
{
    uint8_t *data = NULL;
    size_t length;
    int r = file_read(AT_FDCWD, file, NOTE_KEY_TEXT_MAX, &data, &length);

    if (r != 0) {
        fprintf(stderr, "sallyport log: %s: %s\n", file, sp_strerror(r));
        return EXIT_FAILS;
    }
    r = key_parse(s, (const char *)data, length, file);
    free(data);
    return r;
}

static int folder_open(struct log_source *s)
{
    s->folder = open(s->folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder >= 0 && faccessat(s->folder, "checkpoint", F_OK, 0) == 0)
        return EXIT_HOLDS;
    fprintf(stderr,
            "sallyport log: %s: %s: give a deployment's folder or a ledger's\n",
            s->folder_name,
            s->folder < 0 ? sp_strerror(sp_error_from_errno())
                          : "no checkpoint in it");
    return EXIT_FAILS;
}

int log_source_open(const char *dir, const char *key, const char *key_file,
                    struct log_source *s)
{
    char *vkey = NULL;
    int status = EXIT_HOLDS;

    memset(s, 0, sizeof *s);
    s->folder = -1;
    s->folder_name = dir;
    if (file_is_there(dir, "sallyport.yaml")) {
        status = deployment_paths(dir, &s->path, &vkey);
        if (s->path != NULL)
            s->folder_name = s->path;
    }
    if (status == EXIT_HOLDS)
        status = folder_open(s);
    if (status == EXIT_HOLDS && key != NULL)
        status = key_parse(s, key, strlen(key), "--key");
    else if (status == EXIT_HOLDS && key_file != NULL)
        status = key_read(s, key_file);
    else if (status == EXIT_HOLDS && vkey != NULL && access(vkey, F_OK) == 0)
        status = key_read(s, vkey);
    free(vkey);
    if (status != EXIT_HOLDS)
        log_source_close(s);
    return status;
}

void log_source_close(struct log_source *s)
{
    if (s->folder >= 0)
        close(s->folder);
    s->folder = -1;
    free(s->key_from);
    free(s->path);
    s->key_from = s->path = NULL;
}

int log_view_open(const struct log_source *s, struct ledger_view **v)
{
    int r = ledger_view_open(s->folder, &s->key, s->has_key ? 1 : 0, v);

    if (r == SP_ESIGNATURE)
        fprintf(stderr,
                "sallyport log: %s/checkpoint: not signed by %s+%08x (%s)\n",
                s->folder_name, s->key.name, (unsigned)s->key.id, s->key_from);
    else if (r != 0)
        fprintf(stderr, "sallyport log: %s/checkpoint: %s\n", s->folder_name,
                sp_strerror(r));
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

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

/* The key that the ledger's own first entry names. */
static int key_from_entry(const struct log_source *s,
                          char text[NOTE_KEY_TEXT_MAX])
{
    struct ledger_view *v = NULL;
    struct entry_reader reader;
    const uint8_t *line;
    size_t length;
    struct entry e;
    int status = log_view_open(s, &v);

    if (status != EXIT_HOLDS)
        return status;
    entry_reader_init(&reader);
    int r = ledger_view_entry(v, 0, &line, &length);
    if (r == 0)
        r = entry_decode(&reader, (const char *)line, length, &e);
    if (r == 0 && e.kind != ENTRY_LOG_OPENED)
        r = SP_ENOENT;
    if (r == 0)
        snprintf(text, NOTE_KEY_TEXT_MAX, "%s", e.u.log_opened.vkey);
    else
        fprintf(stderr, "sallyport log: %s: entry 0 names no key: %s\n",
                s->folder_name, sp_strerror(r));
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
                       {"witness", log_witness}};

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
            "sallyport log: unknown subcommand \"%.60s\": wanted verify, show, "
            "key, acceptances or witness\n",
            argv[1]);
    return EXIT_MISUSED;
}
