/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy language as tables. Fields that are in the language but not yet
 * supported are marked so: they are refused, never ignored.
 */
#include "lib/limits.h"
#include "policy/policy.h"
#include "policy/policy_schema_parts.h"
#include "policy/schemas.h"

#define BILLION 1000000000LL

static const char *const versions[] = {"1", NULL};
static const char *const bases[] = {"voluntary", "agreement", "order", NULL};
static const char *const sequences[] = {"government-first", "concurrent", NULL};
static const char *const apis[] = {"openai.chat", "openai.completions",
                                   "openai.responses", "anthropic.messages",
                                   NULL};
static const char *const uses[] = {
    "chat.completions",      "completions", "responses", "messages",
    "messages.count_tokens", "models",      NULL};

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
    {.name = "client_certificate",
     .type = SCHEMA_NAME,
     .help = "Name of a client certificate in `sallyport.yaml` that the "
             "gateway shows to `https://` endpoints that ask for one."},
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

#define TRILLION (1000 * BILLION)
/* Totals that every scope can limit. */
#define TOTALS(of)                                                             \
    {.name = "requests",                                                       \
     .type = SCHEMA_COUNT,                                                     \
     .min = 1,                                                                 \
     .max = TRILLION,                                                          \
     .help = "Requests " of ". Without it, as for all of these: no limit."},   \
        {.name = "tokens",                                                     \
         .type = SCHEMA_COUNT,                                                 \
         .min = 1,                                                             \
         .max = TRILLION,                                                      \
         .help = "Tokens of questions and answers."},                          \
        {.name = "input_tokens",                                               \
         .type = SCHEMA_COUNT,                                                 \
         .min = 1,                                                             \
         .max = TRILLION,                                                      \
         .help = "Tokens of questions, cached ones too."},                     \
        {.name = "output_tokens",                                              \
         .type = SCHEMA_COUNT,                                                 \
         .min = 1,                                                             \
         .max = TRILLION,                                                      \
         .help = "Tokens of answers, reasoning too."},                         \
        {.name = "cached_tokens",                                              \
         .type = SCHEMA_COUNT,                                                 \
         .min = 1,                                                             \
         .max = TRILLION,                                                      \
         .help = "Tokens of questions that the endpoint had cached."},         \
        {.name = "reasoning_tokens",                                           \
         .type = SCHEMA_COUNT,                                                 \
         .min = 1,                                                             \
         .max = TRILLION,                                                      \
         .help = "Tokens of reasoning."},                                      \
        {.name = "bytes",                                                      \
         .type = SCHEMA_SIZE,                                                  \
         .min = 1,                                                             \
         .max = TRILLION,                                                      \
         .help = "Bytes of answers as they are sent."},                        \
    {                                                                          \
        .name = "content_bytes", .type = SCHEMA_SIZE, .min = 1,                \
        .max = TRILLION, .help = "Bytes of answers that the model said."       \
    }

#define RATES(requests, open)                                                  \
    {.name = "requests_per_minute",                                            \
     .type = SCHEMA_COUNT,                                                     \
     .min = 1,                                                                 \
     .max = 10000000,                                                          \
     .fallback = requests,                                                     \
     .help = "Requests within any 60 seconds."},                               \
        {.name = "tokens_per_minute",                                          \
         .type = SCHEMA_COUNT,                                                 \
         .min = 1,                                                             \
         .max = TRILLION,                                                      \
         .help = "Tokens within any 60 seconds."},                             \
    {                                                                          \
        .name = "concurrent", .type = SCHEMA_COUNT, .min = 1, .max = 1000000,  \
        .fallback = open,                                                      \
        .help = "Requests that may be open at the same time."                  \
    }

static const struct schema_field window_budget[] = {
    TOTALS("under these terms in one window, all people together"),
    RATES(NULL, NULL),
    END,
};

static const struct schema_field person_budget[] = {
    TOTALS("of one person under these terms in one window"),
    RATES("600", "64"),
    {.name = "addresses",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = 16,
     .help = "Addresses that one person's open requests may come from. "
             "Without it: no limit."},
    END,
};

static const struct schema_field model_budget[] = {
    TOTALS("to the model, of all parties together, as long as the ledger "
           "lasts"),
    RATES(NULL, NULL),
    END,
};

static const struct schema_field designation[] = {
    {.name = "status",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 64,
     .help = "The finding, such as `covered`."},
    {.name = "by",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 128,
     .help = "Whose finding it is."},
    {.name = "reference",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 128,
     .help = "Where it can be looked up."},
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
    {.name = "budget",
     .type = SCHEMA_RECORD,
     .fields = model_budget,
     .help = "How much all parties together may use of the model."},
    {.name = "designation",
     .type = SCHEMA_RECORD,
     .fields = designation,
     .help = "What an authority found the model to be: recorded when a window "
             "of it opens, never computed."},
    END,
};

static const struct schema_field model[] = {
    {.name = "model", .type = SCHEMA_RECORD, .fields = model_fields},
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
    {.name = "tokens",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = BILLION,
     .fallback = "131072",
     .help = "Tokens of answers that are reserved for a request that names no "
             "ceiling itself, where a budget of tokens is to be kept."},
    {.name = "answer_bytes",
     .type = SCHEMA_SIZE,
     .min = 1024,
     .max = 1000 * BILLION,
     .fallback = "64MiB",
     .help = "Size of one answer as it is sent; a longer one is cut "
             "(`egress_ceiling`)."},
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

static const char *const field_rules[] = {
    "allow, deny, strip, {force: VALUE} or {max: NUMBER}", NULL};
static const char *const allow_words[] = {"deny", "allow", NULL};
static const char *const yes_words[] = {"false", "true", NULL};
static const char *const need_words[] = {"optional", "required", NULL};
static const char *const answer_types[] = {"application/json",
                                           "text/event-stream", NULL};
static const char *const reasoning_words[] = {"pass", "strip", NULL};
static const char *const transcript_words[] = {"none", "commitment", "sealed",
                                               NULL};
/* TLP 2.0, as CISA and FIRST write it. */
static const char *const tlp_words[] = {
    "TLP:RED", "TLP:AMBER+STRICT", "TLP:AMBER", "TLP:GREEN", "TLP:CLEAR", NULL};

static const struct schema_field field_rule[] = {
    {.name = "rule", .type = SCHEMA_FREE, .words = field_rules},
    END,
};

static const struct schema_field tool_type[] = {
    {.name = "tool type", .type = SCHEMA_TEXT, .min = 1, .max = 48},
    END,
};

static const struct schema_field tools[] = {
    {.name = "types",
     .type = SCHEMA_LIST,
     .flags = REQUIRED,
     .min = 1,
     .max = 32,
     .fields = tool_type,
     .help = "Types of tools that the client runs itself: `function`, "
             "`custom`, `bash_*`, `text_editor_*`, `memory_*`, `computer_*`, "
             "`browser_*`, `local_shell`, `apply_patch`. What would run at "
             "the developer's cannot be listed."},
    {.name = "max",
     .type = SCHEMA_COUNT,
     .min = 1,
     .max = 4096,
     .fallback = "128",
     .help = "How many tools one request may offer to the model."},
    END,
};

static const struct schema_field media[] = {
    {.name = "data_urls",
     .type = SCHEMA_CHOICE,
     .words = allow_words,
     .fallback = "deny",
     .help = "Files inside of a request: `data:` URLs, base64."},
    {.name = "remote_urls",
     .type = SCHEMA_CHOICE,
     .words = allow_words,
     .fallback = "deny",
     .help = "URLs that the endpoint would fetch, past the gateway."},
    END,
};

static const struct schema_field label[] = {
    {.name = "purpose", .type = SCHEMA_NAME},
    END,
};

static const struct schema_field purpose[] = {
    {.name = "required",
     .type = SCHEMA_CHOICE,
     .words = yes_words,
     .fallback = "true",
     .help = "Whether each request must have an `x-sallyport-purpose`."},
    {.name = "values",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 64,
     .fields = label,
     .help = "What the purpose may be. Without it: any name."},
    {.name = "case",
     .type = SCHEMA_CHOICE,
     .words = need_words,
     .fallback = "optional",
     .help = "Whether each request must have an `x-sallyport-case`."},
    END,
};

static const struct schema_field version[] = {
    {.name = "version", .type = SCHEMA_TEXT, .min = 10, .max = 10},
    END,
};

static const struct schema_field beta[] = {
    {.name = "beta", .type = SCHEMA_NAME},
    END,
};

static const struct schema_field anthropic[] = {
    {.name = "versions",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 32,
     .fields = version,
     .help = "Values of `anthropic-version` that are allowed. Without it: "
             "any date."},
    {.name = "betas",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 64,
     .fields = beta,
     .help = "Tokens of `anthropic-beta` that are allowed, and travel. "
             "Without it: none."},
    END,
};

static const struct schema_field answer_type[] = {
    {.name = "type", .type = SCHEMA_CHOICE, .words = answer_types},
    END,
};

static const struct schema_field removed[] = {
    {.name = "member", .type = SCHEMA_NAME},
    END,
};

static const struct schema_field response[] = {
    {.name = "types",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 2,
     .fields = answer_type,
     .help = "What an answer may be. Without it: both."},
    {.name = "remove",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 32,
     .fields = removed,
     .help = "Members that are taken out of answers and of each event of a "
             "stream, such as `system_fingerprint`. Log probabilities are, "
             "unless `fields` allow them."},
    {.name = "reasoning",
     .type = SCHEMA_CHOICE,
     .words = reasoning_words,
     .fallback = "pass",
     .help = "Whether the model's reasoning reaches the client."},
    {.name = "coalesce",
     .type = SCHEMA_DURATION,
     .max = 1000,
     .fallback = "0ms",
     .help = "Events of a stream are held for so long and sent together, so "
             "that the sizes of packets say less of the words in them."},
    {.name = "record_padding",
     .type = SCHEMA_COUNT,
     .max = 4096,
     .fallback = "0",
     .help = "TLS records of answers are padded to a multiple of so many "
             "bytes (RFC 8446, section 5.4). 0: not."},
    END,
};

static const struct schema_field marking[] = {
    {.name = "tlp",
     .type = SCHEMA_CHOICE,
     .words = tlp_words,
     .help = "Traffic Light Protocol 2.0."},
    {.name = "legend",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 128,
     .help = "The developer's own words, such as `ACME CONFIDENTIAL "
             "COMMERCIAL INFORMATION`."},
    END,
};

static const char *const trip_actions[] = {"alert", "suspend", NULL};

static const struct schema_field tripwire_fields[] = {
    {.name = "name",
     .type = SCHEMA_NAME,
     .flags = REQUIRED,
     .help = "What it is called in the ledger."},
    {.name = "when",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 64,
     .help = "`VALUE > NUMBER`, of one person: `requests_per_minute`, "
             "`refusals_per_minute`, `requests_per_hour`, `tokens_per_hour`, "
             "`bytes_per_hour`, `addresses` (of the last hour), "
             "`wire_per_content` (bytes sent for each byte said, in the last "
             "hour); or `first_use`: of a use or field that the person never "
             "used before."},
    {.name = "action",
     .type = SCHEMA_CHOICE,
     .words = trip_actions,
     .fallback = "suspend",
     .help = "`suspend` cuts the person off until an operator and an approver "
             "resume; `alert` is an entry, at most once an hour."},
    END,
};

static const struct schema_field tripwire[] = {
    {.name = "tripwire", .type = SCHEMA_RECORD, .fields = tripwire_fields},
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
    {.name = "fields",
     .type = SCHEMA_MAP,
     .max = 256,
     .key = SCHEMA_NAME,
     .fields = field_rule,
     .help = "Rules for fields of requests, by their paths: `logprobs: deny`, "
             "`n: {max: 1}`, `store: {force: false}`. What no rule names has "
             "the default of the table below; `others` are fields that the "
             "table does not have, `prefill` is a last message of the "
             "assistant's. `max_tokens` holds for the ceiling of each API."},
    {.name = "tools",
     .type = SCHEMA_RECORD,
     .fields = tools,
     .help = "Tools that a request may offer to the model. Without it: none."},
    {.name = "media",
     .type = SCHEMA_RECORD,
     .flags = IMPLIED,
     .fields = media,
     .help = "Files and URLs in requests."},
    {.name = "purpose",
     .type = SCHEMA_RECORD,
     .fields = purpose,
     .help = "What requests say that they are for; recorded. Without it: "
             "nothing is asked, what is said is recorded."},
    {.name = "anthropic",
     .type = SCHEMA_RECORD,
     .fields = anthropic,
     .help = "Versions and betas of the Anthropic API."},
    {.name = "response",
     .type = SCHEMA_RECORD,
     .flags = IMPLIED,
     .fields = response,
     .help = "Rules for answers."},
    {.name = "transcripts",
     .type = SCHEMA_CHOICE,
     .words = transcript_words,
     .fallback = "commitment",
     .help = "What is kept of what was said: nothing but sizes, salted "
             "commitments in the ledger, or these and a transcript sealed to "
             "the party's `sealing_key`."},
    {.name = "marking",
     .type = SCHEMA_RECORD,
     .fields = marking,
     .help = "How every answer is marked (`x-sallyport-marking`)."},
    {.name = "nda",
     .type = SCHEMA_NAME,
     .help = "The document that each person accepts, in its current version, "
             "before anything else."},
    {.name = "tripwires",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 16,
     .fields = tripwire,
     .help =
         "What suspends a person, or is written into the ledger, by itself. "
         "Without it: those of the terms that are extended."},
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

static const struct schema_field agreement[] = {
    {.name = "id",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 128,
     .help = "What it is called."},
    {.name = "sha256",
     .type = SCHEMA_HASH,
     .flags = REQUIRED,
     .help = "SHA-256 of the document that was signed."},
    END,
};

static const struct schema_field notice_time[] = {
    {.name = "time",
     .type = SCHEMA_DURATION,
     .min = 1000,
     .max = LIMIT_ACCESS_MS},
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
    {.name = "agreement",
     .type = SCHEMA_RECORD,
     .fields = agreement,
     .help = "The agreement that the window carries out: recorded when it "
             "opens."},
    {.name = "notify",
     .type = SCHEMA_LIST,
     .max = LIMIT_WINDOW_NOTICES,
     .fields = notice_time,
     .help = "How long before its end that is told, the longest time first, "
             "each less than the window lasts; `[]`: never. Without it: 72h, "
             "24h and 1h, as far as it lasts longer (docs/notices.md)."},
    END,
};

static const struct schema_field window[] = {
    {.name = "window", .type = SCHEMA_RECORD, .fields = window_fields},
    END,
};

static const struct schema_field document_fields[] = {
    {.name = "file",
     .type = SCHEMA_PATH,
     .flags = REQUIRED,
     .help = "The text, UTF-8, at most 1 MiB; people see these bytes."},
    {.name = "sha256",
     .type = SCHEMA_HASH,
     .flags = REQUIRED,
     .help = "SHA-256 of the file: the version that is accepted. Another one "
             "must be accepted again."},
    END,
};

static const struct schema_field document[] = {
    {.name = "document", .type = SCHEMA_RECORD, .fields = document_fields},
    END,
};

static const struct schema_field findings[] = {
    {.name = "sealing_key",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 64,
     .help = "`x25519:BASE64`, the key of whoever reads the reports "
             "(`sallyport finding keygen` makes one)."},
    {.name = "max",
     .type = SCHEMA_SIZE,
     .min = 1,
     .max = LIMIT_FINDING_BYTES,
     .fallback = "64KiB",
     .help = "Size of one report."},
    END,
};

static const struct schema_field escrow[] = {
    {.name = "first",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 64,
     .help = "`x25519:BASE64`, the key of the officer who opens them at last."},
    {.name = "second",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 64,
     .help = "The key of another officer, who opens the outer seal before."},
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
     .fields = policy_party,
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
    {.name = "documents",
     .type = SCHEMA_MAP,
     .max = LIMIT_POLICY_DOCUMENTS,
     .key = SCHEMA_NAME,
     .fields = document,
     .help = "What people accept; every one must be the `nda` of some terms."},
    {.name = "findings",
     .type = SCHEMA_RECORD,
     .fields = findings,
     .help = "Takes vulnerability reports, sealed to one key. Without it there "
             "is no such route."},
    {.name = "escrow",
     .type = SCHEMA_RECORD,
     .fields = escrow,
     .help = "Sealed transcripts are sealed to two officers of the developer "
             "as well, who can only open them together. Without it: to the "
             "party alone."},
    END,
};

/* parties.<name>.people: the root's members are at 1. */
const struct document_large policy_large = {
    .key = "people", .depth = 3, .members = LIMIT_POLICY_PEOPLE};
