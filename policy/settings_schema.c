/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of sallyport.yaml as tables, and the heads of both references.
 */
#include "lib/limits.h"
#include "policy/approvers.h"
#include "policy/field.h"
#include "policy/schemas.h"
#include "policy/settings.h"

#define END                                                                    \
    {                                                                          \
        .name = NULL                                                           \
    }

/* Limits as the text of a default, so that there is one number for both. */
#define TEXT_OF(x)    #x
#define MS_OF(name)   TEXT_OF_MS(name)
#define TEXT_OF_MS(x) TEXT_OF(x) "ms"

static const char *const automatic[] = {"auto", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const headers[] = {"authorization", "x-api-key", NULL};

static const struct schema_field server[] = {
    {.name = "certificate",
     .type = SCHEMA_PATH,
     .fallback = "keys/server.crt",
     .help = "PEM file of the server's certificate, its chain behind it."},
    {.name = "key",
     .type = SCHEMA_PATH,
     .fallback = "keys/server.key",
     .help = "PEM file of its private key."},
    {.name = "ocsp",
     .type = SCHEMA_PATH,
     .help = "DER file of an OCSP response for the certificate, shown to "
             "clients that ask for it (docs/tls.md)."},
    END,
};

static const char *const profiles[] = {"strict", "piv", "cnsa", "cnsa1", NULL};
static const char *const test_pki[] = {"refuse", "allow", NULL};

static const struct schema_field listener_fields[] = {
    {.name = "address",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 64,
     .help = "Address and port, as `listen`."},
    {.name = "profile",
     .type = SCHEMA_CHOICE,
     .words = profiles,
     .fallback = SETTINGS_PROFILE_DEFAULT,
     .help = "Which TLS is spoken (docs/tls.md). One that OpenSSL cannot do "
             "is refused at start."},
    {.name = "test_pki",
     .type = SCHEMA_CHOICE,
     .words = test_pki,
     .fallback = "refuse",
     .help = "Certificates under the federal test policies "
             "(2.16.840.1.101.3.2.1.48)."},
    END,
};

static const struct schema_field listener[] = {
    {.name = "listener", .type = SCHEMA_RECORD, .fields = listener_fields},
    END,
};

static const struct schema_field server_name[] = {
    {.name = "name",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 255,
     .help = "`gate.example.org`; `*.example.org` is any one label before "
             "it."},
    END,
};

static const struct schema_field server_names_fields[] = {
    {.name = "names",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 64,
     .fields = server_name,
     .help = "The names, each of which the certificate must hold."},
    {.name = "certificate",
     .type = SCHEMA_PATH,
     .flags = SCHEMA_REQUIRED,
     .help = "PEM file of the certificate, its chain behind it."},
    {.name = "key",
     .type = SCHEMA_PATH,
     .flags = SCHEMA_REQUIRED,
     .help = "PEM file of its private key."},
    {.name = "ocsp",
     .type = SCHEMA_PATH,
     .help = "As `server.ocsp`, for this certificate."},
    END,
};

static const struct schema_field server_names[] = {
    {.name = "certificate",
     .type = SCHEMA_RECORD,
     .fields = server_names_fields},
    END,
};

static const struct schema_field client_certificate_fields[] = {
    {.name = "certificate",
     .type = SCHEMA_PATH,
     .flags = SCHEMA_REQUIRED,
     .help = "PEM file of the certificate, its chain behind it."},
    {.name = "key",
     .type = SCHEMA_PATH,
     .flags = SCHEMA_REQUIRED,
     .help = "PEM file of its private key."},
    END,
};

static const struct schema_field client_certificate[] = {
    {.name = "certificate",
     .type = SCHEMA_RECORD,
     .fields = client_certificate_fields},
    END,
};

static const char *const fips[] = {"off", "required", NULL};

static const struct schema_field crypto[] = {
    {.name = "fips",
     .type = SCHEMA_CHOICE,
     .words = fips,
     .fallback = "off",
     .help = "`required`: all that the daemon does with OpenSSL is done by its "
             "FIPS provider, and it does not start without one (docs/tls.md)."},
    END,
};

static const struct schema_field ledger[] = {
    {.name = "folder",
     .type = SCHEMA_PATH,
     .fallback = "ledger",
     .help = "Where the ledger is kept."},
    {.name = "key",
     .type = SCHEMA_PATH,
     .fallback = "keys/ledger.key",
     .help = "The key that signs checkpoints."},
    {.name = "origin",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 128,
     .help = "The ledger's name. Without it: `<deployment>.sallyport/ledger`."},
    {.name = "checkpoint",
     .type = SCHEMA_DURATION,
     .min = 100,
     .max = 1000,
     .fallback = "500ms",
     .help = "The shortest time between two signed checkpoints."},
    END,
};

static const struct schema_field clock_fields[] = {
    {.name = "settle",
     .type = SCHEMA_DURATION,
     .max = 3600000,
     .fallback = "60s",
     .help = "After a step forward of a clock that is not synchronised, no "
             "window opens for so long."},
    END,
};

static const struct schema_field limits[] = {
    {.name = "connections",
     .type = SCHEMA_COUNT,
     .min = 16,
     .max = LIMIT_CONNECTIONS,
     .fallback = "4096",
     .help = "Clients' connections of one worker."},
    END,
};

static const struct schema_field approver[] = {
    {.name = "approver", .type = SCHEMA_TEXT, .min = 56, .max = 56},
    END,
};

static const struct schema_field approvals[] = {
    {.name = "required",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = LIMIT_APPROVALS_REQUIRED,
     .fallback = "2",
     .help = "How many approvers must sign a policy before it takes effect."},
    {.name = "valid",
     .type = SCHEMA_DURATION,
     .min = APPROVERS_VALID_MIN_MS,
     .max = APPROVERS_VALID_MAX_MS,
     .fallback = "30d",
     .help = "How long a signature holds that does not say it itself."},
    {.name = "approvers",
     .type = SCHEMA_MAP,
     .max = LIMIT_APPROVERS,
     .key = SCHEMA_NAME,
     .fields = approver,
     .help = "Names and public keys (`NAME: \"RW…\"`, 56 characters) as "
             "`sallyport approve keygen` and minisign make them. The ledger "
             "records them at the first start; docs/approvals.md says how "
             "they are changed."},
    END,
};

#define TIMEOUT(field, limit, text)                                            \
    {                                                                          \
        .name = field, .type = SCHEMA_DURATION, .min = 100, .max = limit,      \
        .fallback = MS_OF(limit), .help = text                                 \
    }

static const struct schema_field timeouts[] = {
    TIMEOUT("handshake", LIMIT_HANDSHAKE_MS, "For the TLS handshake."),
    TIMEOUT("head", LIMIT_HEAD_MS, "For a request's head, once it began."),
    TIMEOUT("keepalive", LIMIT_KEEPALIVE_MS, "An idle connection's."),
    TIMEOUT("write_idle", LIMIT_WRITE_IDLE_MS,
            "A client that reads nothing at all."),
    TIMEOUT("connect", LIMIT_CONNECT_MS, "For connecting to an endpoint."),
    TIMEOUT("first_byte", LIMIT_FIRST_BYTE_MS,
            "For the first byte of a model's answer."),
    TIMEOUT("answer_idle", LIMIT_ANSWER_IDLE_MS,
            "Between two bytes of a model's answer."),
    TIMEOUT("drain", LIMIT_DRAIN_MS,
            "From the order to stop until open requests are cut."),
    END,
};

static const struct schema_field credential_fields[] = {
    {.name = "file",
     .type = SCHEMA_PATH,
     .flags = SCHEMA_REQUIRED,
     .help = "A file of one line: the secret."},
    {.name = "header",
     .type = SCHEMA_CHOICE,
     .words = headers,
     .fallback = "authorization",
     .help = "The header that carries it; in `authorization` as "
             "`Bearer <secret>`."},
    END,
};

static const struct schema_field credential[] = {
    {.name = "credential", .type = SCHEMA_RECORD, .fields = credential_fields},
    END,
};

static const struct schema_field staff_uid[] = {
    {.name = "uid",
     .type = SCHEMA_COUNT,
     .max = UINT32_MAX - 1,
     .help = "A user's number (uid)."},
    END,
};

static const char *const missing[] = {"alarm", "refuse", NULL};

static const struct schema_field witness_fields[] = {
    {.name = "vkey",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 400,
     .help = "Its public key, as `sallyport log witness keygen` and others "
             "print it: `NAME+1a2b3c4d+BASE64`."},
    {.name = "url",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 1024,
     .help = "Its submission prefix: `https://…`, `http://` to loopback or a "
             "private address, or `unix:/PATH`."},
    {.name = "ca",
     .type = SCHEMA_PATH,
     .help = "PEM file of the anchors that an `https://` one is verified "
             "against, such as /etc/ssl/certs/ca-certificates.crt."},
    END,
};

static const struct schema_field witness[] = {
    {.name = "witness", .type = SCHEMA_RECORD, .fields = witness_fields},
    END,
};

static const struct schema_field witnesses[] = {
    {.name = "quorum",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = SETTINGS_WITNESSES_MAX,
     .fallback = "1",
     .help = "How many of them must have cosigned a checkpoint."},
    {.name = "on_missing",
     .type = SCHEMA_CHOICE,
     .words = missing,
     .fallback = "alarm",
     .help = "When one says that the ledger was forked, or too few have "
             "cosigned for `overdue`: tell, or also refuse every request "
             "(`audit_unavailable`)."},
    {.name = "overdue",
     .type = SCHEMA_DURATION,
     .min = 1000,
     .max = 86400000,
     .fallback = "60s",
     .help = "How long a checkpoint may be without its quorum."},
    {.name = "every",
     .type = SCHEMA_DURATION,
     .min = 100,
     .max = 3600000,
     .fallback = "1s",
     .help = "The shortest time between two checkpoints that they are asked "
             "to cosign."},
    {.name = "timeout",
     .type = SCHEMA_DURATION,
     .min = 100,
     .max = 60000,
     .fallback = "5s",
     .help = "For one answer, connecting included."},
    {.name = "list",
     .type = SCHEMA_MAP,
     .max = SETTINGS_WITNESSES_MAX,
     .key = SCHEMA_NAME,
     .fields = witness,
     .help = "The witnesses, by names of your choice."},
    END,
};

static const struct schema_field crl[] = {
    {.name = "listen",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 64,
     .help = "Address and port where they are served over plain HTTP, as "
             "`/ca.crl` and `/root.crl`. Without it: nowhere."},
    {.name = "lifetime",
     .type = SCHEMA_DURATION,
     .min = 3600000,
     .max = 2592000000,
     .fallback = "24h",
     .help = "From a list's thisUpdate to its nextUpdate; a new one is signed "
             "when half of it has passed."},
    END,
};

static const struct schema_field notices[] = {
    {.name = "hook",
     .type = SCHEMA_PATH,
     .help = "Program that is run for each notice, with JSON on its standard "
             "input. Without it: none."},
    {.name = "timeout",
     .type = SCHEMA_DURATION,
     .min = 100,
     .max = 300000,
     .fallback = "10s",
     .help = "How long it may take; then it is killed."},
    {.name = "syslog",
     .type = SCHEMA_TEXT,
     .min = 7,
     .max = 5 + SYSLOG_PATH_MAX,
     .help = "`unix:/PATH`, a datagram socket that takes the notices of every "
             "party as RFC 5424 messages. Without it: none."},
    END,
};

static const struct schema_field metrics[] = {
    {.name = "listen",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 128,
     .help = "Where they are served over plain HTTP, as `/metrics`, `/healthz` "
             "and `/readyz`: `127.0.0.1:9464`, `[::1]:9464` or `unix:PATH`. "
             "Without it: nowhere."},
    END,
};

const struct schema_field settings_schema[] = {
    {.name = "deployment",
     .type = SCHEMA_NAME,
     .flags = SCHEMA_REQUIRED,
     .help = "The deployment's id, in certificates and in the ledger's name: "
             "at most 63 of a-z, 0-9 and '-'."},
    {.name = "listen",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 64,
     .fallback = "127.0.0.1:8443",
     .help = "Address and port for clients: `127.0.0.1:8443`, `[::1]:8443`. "
             "Port 0: any free one. One listener with the profile `strict`."},
    {.name = "listeners",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = SETTINGS_LISTENERS_MAX,
     .fields = listener,
     .help = "Instead of `listen`: several, each with its own profile."},
    {.name = "workers",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = LIMIT_WORKERS,
     .words = automatic,
     .fallback = "auto",
     .help = "Worker processes; `auto`: one a core."},
    {.name = "policy",
     .type = SCHEMA_PATH,
     .fallback = "policy.yaml",
     .help = "The policy."},
    {.name = "approvals",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = approvals,
     .help = "Who must sign a policy before it takes effect; approvers are "
             "required."},
    {.name = "server",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = server,
     .help = "What the gateway shows to clients."},
    {.name = "server_names",
     .type = SCHEMA_LIST,
     .max = SETTINGS_SERVER_NAMES_MAX,
     .fields = server_names,
     .help = "Other certificates, for clients that ask for these names."},
    {.name = "crypto",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = crypto,
     .help = "Whose cryptography it is."},
    {.name = "authority",
     .type = SCHEMA_PATH,
     .fallback = "ca/ca.crt",
     .help = "PEM file of the deployment's own authority: what `anchors: ca` "
             "in a policy means."},
    {.name = "crl",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = crl,
     .help = "Revocation lists of the deployment's own authority "
             "(docs/authority.md)."},
    {.name = "ledger",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = ledger,
     .help = "The ledger."},
    {.name = "transcripts",
     .type = SCHEMA_PATH,
     .fallback = "transcripts",
     .help = "Where sealed transcripts go, a file for each request "
             "(docs/transcripts.md)."},
    {.name = "control",
     .type = SCHEMA_PATH,
     .fallback = "control.sock",
     .help = "The socket for the operators' command."},
    {.name = "notices",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = notices,
     .help = "How people hear that windows end, and of what else concerns "
             "their party (docs/notices.md)."},
    {.name = "operators",
     .type = SCHEMA_LIST,
     .max = SETTINGS_STAFF_MAX,
     .fields = staff_uid,
     .help = "Whose orders are taken at that socket, but `release`; root and "
             "the daemon's own user may give any (docs/operators.md)."},
    {.name = "releasers",
     .type = SCHEMA_LIST,
     .max = SETTINGS_STAFF_MAX,
     .fields = staff_uid,
     .help = "Who may order `release` there, and look."},
    {.name = "observers",
     .type = SCHEMA_LIST,
     .max = SETTINGS_STAFF_MAX,
     .fields = staff_uid,
     .help = "Who may only look: `status` and `windows`."},
    {.name = "metrics",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = metrics,
     .help = "Metrics and health, for this machine alone (docs/metrics.md)."},
    {.name = "log",
     .type = SCHEMA_CHOICE,
     .words = levels,
     .fallback = "info",
     .help = "The lowest level that is logged."},
    {.name = "clock",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = clock_fields,
     .help = "The clock."},
    {.name = "limits",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = limits,
     .help = "What may be open at the same time."},
    {.name = "timeouts",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = timeouts,
     .help = "How long things may take; all can be lowered, none raised."},
    {.name = "credentials",
     .type = SCHEMA_MAP,
     .max = 64,
     .key = SCHEMA_NAME,
     .fields = credential,
     .help = "Secrets for the models' endpoints, by the names that the policy "
             "uses."},
    {.name = "client_certificates",
     .type = SCHEMA_MAP,
     .max = SETTINGS_CLIENT_CERTIFICATES_MAX,
     .key = SCHEMA_NAME,
     .fields = client_certificate,
     .help = "What is shown to models' endpoints that ask for a certificate, "
             "by the names that the policy uses."},
    {.name = "witnesses",
     .type = SCHEMA_RECORD,
     .flags = SCHEMA_IMPLIED,
     .fields = witnesses,
     .help = "Who cosigns the ledger's checkpoints (docs/witnesses.md)."},
    END,
};

#define GENERATED                                                              \
    "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"                           \
    "<!-- Written by `sallyport check --reference %s`; a test holds it to "    \
    "the "                                                                     \
    "program. -->\n"

int policy_reference(FILE *out)
{
    fprintf(out, GENERATED, "policy");
    fprintf(out,
            "# Reference of policy.yaml\n\n"
            "Everything that is not named here is an error, and so is a field "
            "that is not yet\nsupported. docs/policy.md says what it all "
            "means.\n");
    if (schema_reference(out, policy_schema) != 0)
        return SP_EIO;
    fprintf(out,
            "\n## Fields of requests\n\n"
            "What `terms.<name>.fields` can name. A path goes through lists. "
            "Parts of the request\nhave no rule; a member that is not here is "
            "refused (`unknown_field`).\n\n");
    return field_reference(out);
}

int settings_reference(FILE *out)
{
    fprintf(out, GENERATED, "settings");
    fprintf(out,
            "# Reference of sallyport.yaml\n\n"
            "How the daemon runs. It can make the gateway stricter or move it, "
            "never wider: what\nwidens access is in the policy. Relative paths "
            "start at the file's own folder.\n");
    return schema_reference(out, settings_schema);
}
