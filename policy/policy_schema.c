/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy language as tables. Fields that are in the language but not yet
 * supported are marked so: they are refused, never ignored.
 */
#include "lib/limits.h"
#include "policy/schemas.h"

#define REQUIRED SCHEMA_REQUIRED
#define LATER    SCHEMA_LATER
#define IMPLIED  SCHEMA_IMPLIED
#define END                                                                    \
    {                                                                          \
        .name = NULL                                                           \
    }

#define LATER_FIELD(field, text)                                               \
    {                                                                          \
        .name = field, .type = SCHEMA_ANY, .flags = LATER, .help = text        \
    }

#define BILLION 1000000000LL
#define DAY_MS  86400000LL

static const char *const versions[] = {"1", NULL};
static const char *const bases[] = {"voluntary", "agreement", "order", NULL};
static const char *const sequences[] = {"government-first", "concurrent", NULL};
static const char *const apis[] = {"openai.chat", "openai.completions",
                                   "openai.responses", "anthropic.messages",
                                   NULL};
static const char *const uses[] = {
    "chat.completions",      "completions", "responses", "messages",
    "messages.count_tokens", "models",      NULL};
const char *const party_kind_words[] = {
    "government",      "state-local", "critical-infrastructure",
    "trusted-partner", "auditor",     NULL};
const char *const person_kind_words[] = {"human", "service", NULL};

static const struct schema_field endpoint[] = {
    {.name = "endpoint", .type = SCHEMA_TEXT, .min = 1, .max = 1024},
    END,
};

static const struct schema_field upstream[] = {
    {.name = "endpoints",
     .type = SCHEMA_LIST,
     .flags = REQUIRED,
     .min = 1,
     .max = 16,
     .fields = endpoint,
     .help = "Where the model answers: `https://HOST[:PORT][/PREFIX]`, "
             "`http://` to loopback or a private address, or `unix:/PATH`."},
    {.name = "ca",
     .type = SCHEMA_PATH,
     .help = "PEM file of the authorities that may vouch for the endpoints; "
             "required for `https://`."},
    {.name = "credential",
     .type = SCHEMA_NAME,
     .help = "Name of a credential in `sallyport.yaml` that the gateway shows "
             "to the endpoints; the secret itself is never in a policy."},
    {.name = "model",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = LIMIT_MODEL_BYTES,
     .help = "What the endpoints call the model; never shown to clients. "
             "Without it: the model's own name."},
    END,
};

static const struct schema_field api[] = {
    {.name = "api", .type = SCHEMA_CHOICE, .words = apis},
    END,
};

static const struct schema_field model_fields[] = {
    {.name = "upstream",
     .type = SCHEMA_RECORD,
     .flags = REQUIRED,
     .fields = upstream,
     .help = "Where requests for the model go."},
    {.name = "apis",
     .type = SCHEMA_LIST,
     .flags = REQUIRED,
     .min = 1,
     .max = 8,
     .fields = api,
     .help = "The API dialects that the endpoints speak."},
    {.name = "build",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 128,
     .help = "Which build of the model it is, for reports to cite."},
    {.name = "release",
     .type = SCHEMA_TIME,
     .help = "Every window of the model ends here at the latest. Set by the "
             "developer and nobody else."},
    LATER_FIELD("designation", "The recorded designation of the model."),
    END,
};

static const struct schema_field model[] = {
    {.name = "model", .type = SCHEMA_RECORD, .fields = model_fields},
    END,
};

static const struct schema_field person_fields[] = {
    {.name = "issuer_subject",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 1024,
     .help = "Match by names: `SUBJECT | ISSUER`, each as RFC 2253 writes it."},
    {.name = "spki_sha256",
     .type = SCHEMA_HASH,
     .help = "Match by the SHA-256 of the certificate's public key."},
    {.name = "san_uri",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 512,
     .help = "Match by the URI among the certificate's alternative names."},
    {.name = "kind",
     .type = SCHEMA_CHOICE,
     .words = person_kind_words,
     .fallback = "human",
     .help = "A service acts for its custodian."},
    {.name = "custodian",
     .type = SCHEMA_NAME,
     .help = "The human of the same party who answers for a service; required "
             "for a service."},
    END,
};

static const struct schema_field person[] = {
    {.name = "person", .type = SCHEMA_RECORD, .fields = person_fields},
    END,
};

static const struct schema_field party_fields[] = {
    {.name = "kind",
     .type = SCHEMA_CHOICE,
     .flags = REQUIRED,
     .words = party_kind_words,
     .help = "What the organisation is. An auditor never uses a model."},
    {.name = "anchors",
     .type = SCHEMA_PATH,
     .flags = REQUIRED,
     .help = "PEM file of the authorities that vouch for this party alone, or "
             "`ca` for the deployment's own authority."},
    {.name = "intermediates",
     .type = SCHEMA_PATH,
     .help = "PEM file of certificates that clients may leave out."},
    {.name = "people",
     .type = SCHEMA_MAP,
     .flags = REQUIRED,
     .min = 1,
     .key = SCHEMA_NAME,
     .fields = person,
     .help = "Who of the party may come; each with exactly one match."},
    LATER_FIELD("certificate_policies", "Certificate policies to require."),
    LATER_FIELD("revocation", "Revocation lists of the party's anchors."),
    LATER_FIELD("networks", "Networks that the party comes from."),
    LATER_FIELD("sealing_key", "The key that transcripts are sealed to."),
    LATER_FIELD("selection", "How the party was selected."),
    LATER_FIELD("retention", "How long records are kept."),
    LATER_FIELD("notices", "Where notices go."),
    END,
};

static const struct schema_field party[] = {
    {.name = "party", .type = SCHEMA_RECORD, .fields = party_fields},
    END,
};

static const struct schema_field window_budget[] = {
    {.name = "requests",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = 1000 * BILLION,
     .help = "Requests under these terms in one window, all people together. "
             "Without it: no limit."},
    LATER_FIELD("tokens", "Tokens in one window."),
    LATER_FIELD("bytes", "Bytes in one window."),
    END,
};

static const struct schema_field person_budget[] = {
    {.name = "requests",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = 1000 * BILLION,
     .help = "Requests of one person under these terms in one window. Without "
             "it: no limit."},
    {.name = "concurrent",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = 16384,
     .fallback = "64",
     .help = "Requests of one person that may be open at the same time, "
             "whatever the window."},
    {.name = "requests_per_minute",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = 10000000,
     .fallback = "600",
     .help = "Requests of one person within any 60 seconds, whatever the "
             "window."},
    LATER_FIELD("tokens", "Tokens of one person."),
    LATER_FIELD("bytes", "Bytes of one person."),
    LATER_FIELD("tokens_per_minute", "Tokens of one person within a minute."),
    END,
};

static const struct schema_field request_budget[] = {
    {.name = "bytes",
     .type = SCHEMA_SIZE,
     .min = 1,
     .max = LIMIT_BODY_BYTES,
     .fallback = "16MiB",
     .help = "Size of one request's body."},
    {.name = "seconds",
     .type = SCHEMA_SECONDS,
     .min = 1000,
     .max = DAY_MS,
     .fallback = "1h",
     .help = "How long one request may take before it is cut."},
    END,
};

static const struct schema_field budget[] = {
    {.name = "window",
     .type = SCHEMA_RECORD,
     .flags = IMPLIED,
     .fields = window_budget,
     .help = "What one window holds."},
    {.name = "person",
     .type = SCHEMA_RECORD,
     .flags = IMPLIED,
     .fields = person_budget,
     .help = "What one person may do."},
    {.name = "request",
     .type = SCHEMA_RECORD,
     .flags = IMPLIED,
     .fields = request_budget,
     .help = "What one request may be."},
    END,
};

static const struct schema_field use[] = {
    {.name = "use", .type = SCHEMA_CHOICE, .words = uses},
    END,
};

static const struct schema_field terms_fields[] = {
    {.name = "extends",
     .type = SCHEMA_NAME,
     .help = "Terms whose fields hold where these do not set them; one level."},
    {.name = "uses",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 16,
     .fields = use,
     .help = "The routes that are allowed. Without it: those of the terms "
             "that it extends, else `chat.completions` alone. `models` is the "
             "list of models and each one's entry."},
    {.name = "budget",
     .type = SCHEMA_RECORD,
     .flags = IMPLIED,
     .fields = budget,
     .help = "How much is allowed."},
    LATER_FIELD("nda", "The document that people accept first."),
    LATER_FIELD("fields", "JSON fields: allow, deny, strip, force, max."),
    LATER_FIELD("tools", "Types of tools."),
    LATER_FIELD("media", "Media in requests."),
    LATER_FIELD("response", "Rules for answers."),
    LATER_FIELD("transcripts", "What is kept of requests and answers."),
    LATER_FIELD("marking", "How answers are marked."),
    LATER_FIELD("tripwires", "What suspends a person."),
    LATER_FIELD("purpose", "What a request must say that it is for."),
    END,
};

static const struct schema_field terms[] = {
    {.name = "terms", .type = SCHEMA_RECORD, .fields = terms_fields},
    END,
};

static const struct schema_field terms_name[] = {
    {.name = "name of terms", .type = SCHEMA_NAME},
    END,
};

static const struct schema_field window_fields[] = {
    {.name = "party",
     .type = SCHEMA_NAME,
     .flags = REQUIRED,
     .help = "Who may use the model."},
    {.name = "model",
     .type = SCHEMA_MODEL,
     .flags = REQUIRED,
     .help = "Which model."},
    {.name = "opens",
     .type = SCHEMA_TIME,
     .flags = REQUIRED,
     .help = "When the window opens, to the second. It starts then, whether "
             "used or not."},
    {.name = "lasts",
     .type = SCHEMA_DURATION,
     .min = 1000,
     .max = LIMIT_ACCESS_MS,
     .help = "How long it is open. Exactly one of `lasts` and `closes`."},
    {.name = "closes",
     .type = SCHEMA_TIME,
     .help = "When it ends, at most 30 days after `opens`; and never more than "
             "30 days after this party's first window of the model opened."},
    {.name = "terms",
     .type = SCHEMA_LIST,
     .flags = REQUIRED,
     .min = 1,
     .max = 8,
     .fields = terms_name,
     .help = "The rules it is under; no use may be in two of them."},
    LATER_FIELD("phase", "Phases within the window."),
    LATER_FIELD("agreement", "The agreement that the window carries out."),
    LATER_FIELD("notify", "When to remind of the end."),
    END,
};

static const struct schema_field window[] = {
    {.name = "window", .type = SCHEMA_RECORD, .fields = window_fields},
    END,
};

const struct schema_field policy_schema[] = {
    {.name = "policy",
     .type = SCHEMA_CHOICE,
     .flags = REQUIRED,
     .words = versions,
     .help = "Version of the language."},
    {.name = "serial",
     .type = SCHEMA_COUNT,
     .flags = REQUIRED,
     .min = 1,
     .max = 4294967295,
     .help = "Grows with every policy."},
    {.name = "replaces",
     .type = SCHEMA_HASH,
     .help = "SHA-256 of the policy file that this one replaces; required "
             "for every policy but a ledger's first."},
    {.name = "basis",
     .type = SCHEMA_CHOICE,
     .words = bases,
     .help = "On what basis access is given; recorded in the ledger."},
    {.name = "developer",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 128,
     .help = "Who owns the models; recorded in the ledger."},
    {.name = "author",
     .type = SCHEMA_NAME,
     .help = "The approver who wrote this policy: that signature does not "
             "count. Recorded in the ledger."},
    {.name = "sequence",
     .type = SCHEMA_CHOICE,
     .words = sequences,
     .fallback = "government-first",
     .help = "`government-first`: nobody else's window of a model may open "
             "before every government window of it has ended."},
    {.name = "models",
     .type = SCHEMA_MAP,
     .flags = REQUIRED,
     .max = LIMIT_POLICY_MODELS,
     .key = SCHEMA_MODEL,
     .fields = model,
     .help = "The models, by the names that clients use."},
    {.name = "parties",
     .type = SCHEMA_MAP,
     .flags = REQUIRED,
     .max = LIMIT_POLICY_PARTIES,
     .key = SCHEMA_NAME,
     .fields = party,
     .help = "The organisations that are given access."},
    {.name = "terms",
     .type = SCHEMA_MAP,
     .flags = REQUIRED,
     .max = LIMIT_POLICY_TERMS,
     .key = SCHEMA_NAME,
     .fields = terms,
     .help = "Named sets of rules; every one must be used by a window."},
    {.name = "windows",
     .type = SCHEMA_LIST,
     .flags = REQUIRED,
     .max = LIMIT_POLICY_WINDOWS,
     .fields = window,
     .help = "Who may use which model, from when to when."},
    LATER_FIELD("documents", "Documents that people accept."),
    END,
};
