/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the policy language that says who may come: parties, their
 * people, and what their certificates must be and not have been.
 */
#include "lib/http_url.h"
#include "lib/limits.h"
#include "policy/policy.h"
#include "policy/policy_schema_parts.h"
#include "policy/schemas.h"

const char *const party_kind_words[] = {
    "government",      "state-local", "critical-infrastructure",
    "trusted-partner", "auditor",     NULL};
const char *const revocation_mode_words[] = {"none", "crl", "ocsp",
                                             "ocsp-then-crl", NULL};
const char *const person_kind_words[] = {"human", "service", NULL};

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
    {.name = "issuer_serial",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = LIMIT_MATCH_BYTES,
     .help = "Match by one certificate: `HEX | ISSUER`, its serial number."},
    {.name = "san_uuid",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = LIMIT_MATCH_BYTES,
     .help = "Match by a card's UUID: the URI `urn:uuid:` among the "
             "alternative names."},
    {.name = "san_email",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = LIMIT_MATCH_BYTES,
     .help = "Match by the address among the alternative names; with `anchors: "
             "ca` only."},
    {.name = "upn",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = LIMIT_MATCH_BYTES,
     .help = "Match by the user principal name: `UPN | ISSUER`."},
    {.name = "edipi",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = LIMIT_MATCH_BYTES,
     .help = "Match by the DoD's number of a person: `1234567890 | ISSUER`, "
             "from the common name or the UPN."},
    {.name = "fasc_n",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = LIMIT_MATCH_BYTES,
     .help = "Match by a PIV card's number: `AGENCY-SYSTEM-CREDENTIAL`, such "
             "as `4700-0256-001337`, or all nine fields."},
    {.name = "policy",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 63,
     .help = "The one of the party's certificate policies that this person's "
             "certificate must be under. Without it: any of their kind."},
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

static const char *const weekdays[] = {"mon", "tue", "wed", "thu",
                                       "fri", "sat", "sun", NULL};

static const struct schema_field network[] = {
    {.name = "network", .type = SCHEMA_TEXT, .min = 2, .max = 64},
    END,
};

static const struct schema_field party_name[] = {
    {.name = "party", .type = SCHEMA_NAME},
    END,
};

static const struct schema_field weekday[] = {
    {.name = "day", .type = SCHEMA_CHOICE, .words = weekdays},
    END,
};

static const struct schema_field hours[] = {
    {.name = "days",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 7,
     .fields = weekday,
     .help = "The days on which the hours begin. Without it: every day."},
    {.name = "from",
     .type = SCHEMA_TEXT,
     .min = 5,
     .max = 5,
     .fallback = "00:00",
     .help = "When they begin, such as `08:00`."},
    {.name = "until",
     .type = SCHEMA_TEXT,
     .min = 5,
     .max = 5,
     .fallback = "24:00",
     .help = "When they end; at or before `from`: on the next day."},
    END,
};

static const struct schema_field selection[] = {
    {.name = "reference",
     .type = SCHEMA_TEXT,
     .flags = REQUIRED,
     .min = 1,
     .max = 128,
     .help = "Where it can be looked up."},
    END,
};

static const struct schema_field list_url[] = {
    {.name = "URL", .type = SCHEMA_TEXT, .min = 9, .max = HTTP_URL_MAX},
    END,
};

static const struct schema_field host[] = {
    {.name = "host", .type = SCHEMA_TEXT, .min = 1, .max = HTTP_HOST_MAX},
    END,
};

static const struct schema_field revocation[] = {
    {.name = "mode",
     .type = SCHEMA_CHOICE,
     .words = revocation_mode_words,
     .help = "`crl`: lists; `ocsp`: a responder; `ocsp-then-crl`: lists where "
             "no responder answers; `none`: nobody. Without it: `crl`, if "
             "`crl` or `fetch` is there."},
    {.name = "crl",
     .type = SCHEMA_PATH,
     .help = "File of revocation lists, PEM or DER."},
    {.name = "fetch",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 16,
     .fields = list_url,
     .help = "Where lists are fetched from: `http://HOST[:PORT]/PATH`. They "
             "are signed; they need no TLS."},
    {.name = "hosts",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 32,
     .fields = host,
     .help = "Hosts that may be asked where a certificate itself says so. "
             "Without it: none but those of `fetch` and `responder`."},
    {.name = "responder",
     .type = SCHEMA_TEXT,
     .min = 9,
     .max = HTTP_URL_MAX,
     .help = "The OCSP responder to ask, `http://HOST[:PORT]/PATH`, whatever "
             "a certificate says."},
    {.name = "max_age",
     .type = SCHEMA_DURATION,
     .min = 60000,
     .max = 30 * DAY_MS,
     .fallback = "24h",
     .help = "How old a list or an answer may be, whatever it says itself; "
             "then nobody gets in."},
    {.name = "cache",
     .type = SCHEMA_DURATION,
     .min = 1000,
     .max = 3600000,
     .fallback = "5m",
     .help = "How long an answer of a responder is kept."},
    {.name = "timeout",
     .type = SCHEMA_DURATION,
     .min = 100,
     .max = 30000,
     .fallback = "5s",
     .help = "How long a responder may take."},
    END,
};

static const struct schema_field notice_address[] = {
    {.name = "address",
     .type = SCHEMA_TEXT,
     .min = 3,
     .max = LIMIT_NOTICE_ADDRESS_BYTES},
    END,
};

static const struct schema_field notices[] = {
    {.name = "addresses",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = LIMIT_NOTICE_ADDRESSES,
     .fields = notice_address,
     .help = "URIs such as `mailto:soc@example.org`, which the settings' "
             "`notices.hook` is given."},
    {.name = "syslog",
     .type = SCHEMA_TEXT,
     .min = 7,
     .max = 5 + SYSLOG_PATH_MAX,
     .help = "`unix:/PATH`, a datagram socket that takes RFC 5424 messages: "
             "those of this party alone."},
    END,
};

static const struct schema_field certificate_policy[] = {
    {.name = "policy", .type = SCHEMA_TEXT, .min = 1, .max = 63},
    END,
};

static const char *const ekus[] = {"client", "any", NULL};

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
    {.name = "revocation",
     .type = SCHEMA_RECORD,
     .fields = revocation,
     .help = "Who is asked whether a certificate has been revoked; if nobody "
             "can say, it is refused. Without it: only what the ledger says."},
    {.name = "anchors_sha256",
     .type = SCHEMA_HASH,
     .help = "SHA-256 of the anchors' file, so that those who sign the policy "
             "sign the anchors, too. Without it: whatever is in the file."},
    {.name = "certificate_policies",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = POLICY_CERTIFICATES_MAX,
     .fields = certificate_policy,
     .help = "Object identifiers of certificate policies: the chain of a "
             "certificate must be valid for one of them. Without it and "
             "`service_policies`: no policy is asked for."},
    {.name = "service_policies",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = POLICY_CERTIFICATES_MAX,
     .fields = certificate_policy,
     .help = "More of them, under which certificates are devices': for people "
             "with `kind: service`, and for no others."},
    {.name = "eku",
     .type = SCHEMA_CHOICE,
     .words = ekus,
     .fallback = "client",
     .help = "`any`: certificates without extended key usage, or with that of "
             "any usage, will do, as old cards have them."},
    {.name = "networks",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 64,
     .fields = network,
     .help = "Where its people come from: `198.51.100.0/24`, `2001:db8::/32`. "
             "Without it: anywhere."},
    {.name = "hours",
     .type = SCHEMA_RECORD,
     .fields = hours,
     .help = "When its people may use models, in UTC; open requests are cut "
             "when the hours end. Without it: always."},
    {.name = "sealing_key",
     .type = SCHEMA_TEXT,
     .min = 1,
     .max = 64,
     .help = "`x25519:BASE64`, the key that transcripts of its requests are "
             "sealed to (`sallyport seal keygen` makes one)."},
    {.name = "scope",
     .type = SCHEMA_LIST,
     .min = 1,
     .max = 64,
     .fields = party_name,
     .help = "Of an auditor: the parties whose entries it reads; of others it "
             "gets the hashes. Without it: all of the ledger."},
    {.name = "selection",
     .type = SCHEMA_RECORD,
     .fields = selection,
     .help = "How the party was selected: recorded when a window of it opens."},
    LATER_FIELD("retention", "How long records are kept."),
    {.name = "notices",
     .type = SCHEMA_RECORD,
     .fields = notices,
     .help = "Where the party hears of its own windows and people "
             "(docs/notices.md). Without it: nowhere."},
    END,
};

const struct schema_field policy_party[] = {
    {.name = "party", .type = SCHEMA_RECORD, .fields = party_fields},
    END,
};
