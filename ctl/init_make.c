/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a deployment's folder. Everything is made in a hidden folder inside
 * it first and then moved to its place, never over anything, so that a
 * failure at any point leaves what was there and nothing else. The texts of
 * both configuration files are read back by the daemon's own parsers before
 * they count. Runs as the operator.
 */
#include "ctl/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/authority.h"
#include "certs/authority_make.h"
#include "certs/pem.h"
#include "ctl/approvals.h"
#include "ctl/approver_key.h"
#include "ctl/deployment.h"
#include "ledger/note.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/limits.h"

/* Long enough not to need care during a few rounds of evaluation. */
#define SERVER_MS (825LL * 24 * 3600 * 1000)

/* Two officers, so that the default of two approvals can be met. */
#define APPROVERS   2
#define APPROVER_MS (30LL * 24 * 3600 * 1000)

struct making {
    const struct init_plan *plan;
    struct minisign_secret approvers[APPROVERS];
    char signatures[APPROVERS][64]; /* names of the policy's */
    char *stage; /* the hidden folder; everything is made below it */
    int fd;      /* of it */
    char *problem;
};

static int fail(struct making *m, int error, const char *format, ...)
    SP_PRINTF(3, 4);

static int fail(struct making *m, int error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(m->problem, 512, format, list);
    va_end(list);
    return error;
}

/* --- the parts ----------------------------------------------------------- */

static int text_write(struct making *m, const char *name, mode_t mode,
                      const char *text)
{
    int r = file_create(m->fd, name, mode, text, strlen(text));

    return r == 0 ? 0 : fail(m, r, "%s: %s", name, sp_strerror(r));
}

static int folders_make(struct making *m)
{
    static const char *const names[] = {"keys", "ledger", "trust"};
    char people[2 * LIMIT_NAME_BYTES];
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof names / sizeof names[0]; i++)
        r = file_make_folders(m->fd, names[i], 0700);
    snprintf(people, sizeof people, "people/%s", m->plan->party);
    if (r == 0)
        r = file_make_folders(m->fd, people, 0700);
    return r == 0 ? 0 : fail(m, r, "its folders: %s", sp_strerror(r));
}

/* Writes and forgets `issued`. */
static int pair_write(struct making *m, const char *stem,
                      struct authority_issued *issued)
{
    char name[256];
    int r;

    snprintf(name, sizeof name, "%s.key", stem);
    r = text_write(m, name, 0600, issued->key_pem);
    snprintf(name, sizeof name, "%s.crt", stem);
    if (r == 0)
        r = text_write(m, name, 0644, issued->cert_pem);
    authority_issued_free(issued);
    return r;
}

static int certificates_make(struct making *m)
{
    const struct init_plan *p = m->plan;
    struct authority_issued issued = {0};
    int64_t now = clock_wall_ms();
    char stem[256], why[256] = "";
    char *ca = path_join(m->stage, "ca");
    int r = ca == NULL ? SP_ENOMEM : authority_create(ca, p->deployment, why);

    if (r == 0)
        r = authority_issue_server(ca, p->deployment, p->names, p->nnames, now,
                                   now + SERVER_MS, &issued, why);
    if (r == 0)
        r = pair_write(m, "keys/server", &issued);
    if (r == 0)
        r = authority_issue_client(ca, p->deployment, p->party, p->person, now,
                                   p->closes, NULL, 0, &issued, why);
    snprintf(stem, sizeof stem, "people/%s/%s", p->party, p->person);
    if (r == 0)
        r = pair_write(m, stem, &issued);
    free(ca);
    if (r != 0 && why[0] != '\0')
        return fail(m, r, "certificates: %s", why);
    return r;
}

static int ledger_key_make(struct making *m)
{
    char origin[128], text[NOTE_KEY_TEXT_MAX + 1];
    struct note_signer signer;
    int r;

    snprintf(origin, sizeof origin, "%s.sallyport/ledger", m->plan->deployment);
    r = note_signer_generate(origin, &signer);
    if (r != 0)
        return fail(m, r, "the ledger's key: %s", sp_strerror(r));
    if ((r = note_signer_format(&signer, text)) == 0) {
        strcat(text, "\n");
        r = text_write(m, "keys/ledger.key", 0600, text);
    }
    explicit_bzero(text, sizeof text);
    if (r == 0 && (r = note_verifier_format(&signer.verifier, text)) == 0) {
        strcat(text, "\n");
        r = text_write(m, "keys/ledger.vkey", 0644, text);
    }
    note_signer_wipe(&signer);
    return r;
}

static int endpoint_ca_copy(struct making *m)
{
    STACK_OF(X509) *certs = NULL;
    char why[PEM_PROBLEM] = "";
    uint8_t *pem = NULL;
    size_t length = 0;
    int r;

    if (m->plan->endpoint_ca == NULL)
        return 0;
    r = file_read(AT_FDCWD, m->plan->endpoint_ca, LIMIT_TRUST_BYTES, &pem,
                  &length);
    if (r == 0)
        r = pem_read_certificates(pem, length, &certs, why);
    if (r == 0)
        r = file_create(m->fd, "trust/endpoint.pem", 0644, pem, length);
    sk_X509_pop_free(certs, X509_free);
    free(pem);
    if (r != 0)
        return fail(m, r, "%s: %s", m->plan->endpoint_ca,
                    why[0] != '\0' ? why : sp_strerror(r));
    return 0;
}

/* Keys without passwords: for a start that works at once, to be replaced. */
static int approvers_make(struct making *m)
{
    char path[64];
    int r = file_make_folders(m->fd, "approvers", 0700);

    for (size_t i = 0; r == 0 && i < APPROVERS; i++) {
        snprintf(path, sizeof path, "approvers/approver-%zu.key", i + 1);
        r = minisign_generate(&m->approvers[i]);
        if (r == 0)
            r = approver_key_write(m->fd, path, &m->approvers[i], NULL);
    }
    return r == 0 ? 0 : fail(m, r, "approvers' keys: %s", sp_strerror(r));
}

/* The first policy is signed by both. */
static int policy_sign(struct making *m)
{
    char *path = path_join(m->stage, "policy.yaml"), *made = NULL;
    int64_t until = clock_wall_ms() + APPROVER_MS;
    uint8_t *yaml = NULL;
    size_t length = 0;
    int r = path == NULL
                ? SP_ENOMEM
                : file_read(AT_FDCWD, path, LIMIT_POLICY_BYTES, &yaml, &length);

    for (size_t i = 0; r == 0 && i < APPROVERS; i++) {
        r = approvals_sign(&m->approvers[i], path, yaml, length, until, 1,
                           &made);
        if (r == 0)
            snprintf(m->signatures[i], sizeof m->signatures[i], "%s",
                     strrchr(made, '/') + 1);
        free(made);
    }
    free(yaml);
    free(path);
    return r == 0 ? 0 : fail(m, r, "approvals: %s", sp_strerror(r));
}

/* --- the two files ------------------------------------------------------- */

/* "30d", "90m", "45s": whole seconds in their largest whole unit. */
static void lasts_format(int64_t ms, char text[32])
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
    size_t i = 0;

    while (i + 1 < sizeof units / sizeof units[0] && ms % units[i].ms != 0)
        i++;
    snprintf(text, 32, "%lld%c", (long long)(ms / units[i].ms), units[i].unit);
}

static void policy_print(FILE *f, const struct making *m)
{
    const struct init_plan *p = m->plan;
    char opens[CLOCK_UTC_SIZE], lasts[32];

    clock_format_utc(p->opens, opens);
    memcpy(opens + strlen("2026-11-20T10:00:00"), "Z", 2); /* whole seconds */
    lasts_format(p->closes - p->opens, lasts);
    fprintf(f,
            "# Who may reach which model, when, on what terms. Times are UTC; "
            "what is not\n"
            "# named here is refused. docs/policy.md explains it; `sallyport "
            "check` reads it.\n"
            "policy: 1\n"
            "serial: 1              # grows with every policy\n"
            "basis: voluntary       # goes into the ledger\n"
            "\n"
            "models:\n"
            "  %s:                  # the name that clients use\n"
            "    upstream:\n"
            "      endpoints: [\"%s\"]\n",
            p->model, p->endpoint);
    if (p->endpoint_ca != NULL)
        fputs("      ca: trust/endpoint.pem\n", f);
    if (p->upstream_model != NULL)
        fprintf(f, "      model: \"%s\"   # what the endpoint calls it\n",
                p->upstream_model);
    fprintf(f,
            "    apis: [openai.chat, openai.completions, openai.responses, "
            "anthropic.messages]\n"
            "\n"
            "parties:\n"
            "  %s:\n"
            "    kind: %s\n"
            "    anchors: ca        # certificates come from ca/ in this "
            "folder\n"
            "    people:\n"
            "      %s: {san_uri: \"sallyport://%s/%s/%s\"}\n",
            p->party, p->kind, p->person, p->deployment, p->party, p->person);
    fprintf(f,
            "\n"
            "terms:\n"
            "  evaluation:\n"
            "    uses: [chat.completions, completions, responses, messages, "
            "messages.count_tokens, models]\n"
            "    budget:\n"
            "      window: {requests: 1M}\n"
            "      person: {concurrent: 32, requests_per_minute: 600}\n"
            "      request: {bytes: 16MiB, seconds: 3600}\n"
            "\n"
            "windows:\n"
            "  - party: %s\n"
            "    model: %s\n"
            "    opens: %s\n"
            "    lasts: %s          # at most 30d\n"
            "    terms: [evaluation]\n",
            p->party, p->model, opens, lasts);
}

static void settings_print(FILE *f, const struct making *m)
{
    const struct init_plan *p = m->plan;
    char text[MINISIGN_KEY_TEXT];
    struct minisign_key key;

    fprintf(f,
            "# How the daemon runs. Nothing here can widen access: that is "
            "policy.yaml's.\n"
            "# Everything else has a safe default: "
            "docs/settings-reference.md.\n"
            "deployment: %s   # in certificates and in the ledger's name\n"
            "listen: \"%s\"\n"
            "# metrics: {listen: \"127.0.0.1:9464\"}   # for Prometheus, on "
            "this machine alone: docs/metrics.md\n"
            "approvals:\n"
            "  required: 2    # how many of them must sign a policy\n"
            "  approvers:     # docs/approvals.md: how to put officers here\n",
            p->deployment, p->listen);
    for (size_t i = 0; i < APPROVERS; i++) {
        minisign_public(&m->approvers[i], &key);
        minisign_key_format(&key, text);
        fprintf(f, "    approver-%zu: \"%s\"\n", i + 1, text);
    }
}

static int policy_check_text(struct making *m, const char *yaml, size_t length,
                             FILE *err)
{
    struct policy *policy = NULL;
    int r = deployment_parse_policy(m->stage, "policy.yaml", yaml, length, err,
                                    &policy);

    if (r == 0)
        policy_free(policy);
    return r;
}

static int settings_check_text(struct making *m, const char *yaml,
                               size_t length, FILE *err)
{
    struct report report = {.out = err};
    struct settings *s = NULL;
    int r =
        settings_parse("sallyport.yaml", yaml, length, m->stage, &report, &s);

    if (r == 0)
        settings_free(s);
    return r;
}

/* Prints one of the files, reads it back with its own parser, writes it. */
static int yaml_make(struct making *m, const char *name,
                     void (*print)(FILE *f, const struct making *m),
                     int (*check)(struct making *m, const char *yaml,
                                  size_t length, FILE *err))
{
    char *text = NULL, *errors = NULL;
    size_t length = 0, errors_length = 0;
    FILE *f = open_memstream(&text, &length);
    FILE *err = open_memstream(&errors, &errors_length);
    int r = SP_ENOMEM;

    if (f == NULL || err == NULL)
        goto out;
    print(f, m);
    if (fflush(f) != 0)
        goto out;
    r = check(m, text, length, err);
    (void)fflush(err);
    if (r != 0)
        fail(m, r, "the options do not fit together: %.400s",
             errors_length > 0 ? errors : sp_strerror(r));
    else
        r = text_write(m, name, 0644, text);
out:
    if (f != NULL)
        fclose(f);
    if (err != NULL)
        fclose(err);
    free(text);
    free(errors);
    return r;
}

/* --- the whole ----------------------------------------------------------- */

static int parts_make(struct making *m)
{
    int r;

    if ((r = folders_make(m)) != 0 || (r = endpoint_ca_copy(m)) != 0 ||
        (r = approvers_make(m)) != 0 ||
        (r = yaml_make(m, "policy.yaml", policy_print, policy_check_text)) !=
            0 ||
        (r = policy_sign(m)) != 0 ||
        (r = yaml_make(m, "sallyport.yaml", settings_print,
                       settings_check_text)) != 0 ||
        (r = certificates_make(m)) != 0)
        return r;
    return ledger_key_make(m);
}

static const char *const entries[] = {
    "approvers", "ca",    "keys",        "ledger",
    "people",    "trust", "policy.yaml", "sallyport.yaml"};
#define NENTRIES (APPROVERS + sizeof entries / sizeof entries[0])

/* What is moved to its place, in this order. */
static const char *entry_name(const struct making *m, size_t i)
{
    return i < APPROVERS ? m->signatures[i] : entries[i - APPROVERS];
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

/* The file that says "here is a deployment" is the last to appear. On failure
 * what was moved goes back, to be removed with the rest. */
static int parts_move(struct making *m, int folder)
{
    for (size_t i = 0; i < NENTRIES; i++) {
        const char *name = entry_name(m, i);

        if (renameat2(m->fd, name, folder, name, RENAME_NOREPLACE) == 0)
            continue;
        int error = sp_error_from_errno();

        while (i-- > 0)
            (void)renameat2(folder, entry_name(m, i), m->fd, entry_name(m, i),
                            RENAME_NOREPLACE);
        return fail(m, error, "%s: %s", m->plan->folder, sp_strerror(error));
    }
    if (fsync(folder) != 0)
        return fail(m, SP_EIO, "%s: %s", m->plan->folder, strerror(errno));
    return 0;
}

static int stage_run(struct making *m, int folder)
{
    int r;

    m->stage = path_join(m->plan->folder, ".init-XXXXXX");
    if (m->stage == NULL)
        return fail(m, SP_ENOMEM, "%s", sp_strerror(SP_ENOMEM));
    if (mkdtemp(m->stage) == NULL) {
        r = fail(m, sp_error_from_errno(), "%s: %s", m->plan->folder,
                 strerror(errno));
        free(m->stage);
        return r;
    }
    m->fd = open(m->stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = m->fd < 0 ? fail(m, SP_EIO, "%s: %s", m->stage, strerror(errno))
                  : parts_make(m);
    if (r == 0)
        r = parts_move(m, folder);
    if (m->fd >= 0)
        close(m->fd);
    (void)nftw(m->stage, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(m->stage);
    return r;
}

/* Names the first thing that is in the way. */
static int folder_check_empty(struct making *m, int folder)
{
    int copy = dup(folder);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *e;
    int r = 0;

    if (dir == NULL) {
        if (copy >= 0)
            close(copy);
        return fail(m, SP_EIO, "%s: %s", m->plan->folder, strerror(errno));
    }
    while (r == 0 && (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = fail(m, SP_EEXIST,
                     "%s is not empty: it has \"%s\": expected a folder that "
                     "is new or empty; nothing is overwritten",
                     m->plan->folder, e->d_name);
    }
    closedir(dir);
    return r;
}

int init_make(const struct init_plan *plan, char problem[512])
{
    struct making m = {.plan = plan, .fd = -1, .problem = problem};
    bool ours = mkdir(plan->folder, 0700) == 0;
    int folder, r;

    problem[0] = '\0';
    if (!ours && errno != EEXIST)
        return fail(&m, sp_error_from_errno(), "%s: %s", plan->folder,
                    strerror(errno));
    folder = open(plan->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return fail(&m, sp_error_from_errno(), "%s: %s", plan->folder,
                    strerror(errno));
    if ((r = folder_check_empty(&m, folder)) == 0)
        r = stage_run(&m, folder);
    close(folder);
    for (size_t i = 0; i < APPROVERS; i++)
        minisign_secret_wipe(&m.approvers[i]);
    if (r != 0 && ours)
        (void)rmdir(plan->folder);
    if (r != 0 && problem[0] == '\0')
        fail(&m, r, "%s", sp_strerror(r));
    return r;
}
