/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of reasons and that of causes. Runs wherever something is refused
 * or read back; its only input from outside are codes in ledgers.
 */
#include "policy/reason.h"

#include <string.h>

#define INVALID "invalid_request_error", "invalid_request_error"
#define DENIED  "permission_error", "permission_error"
#define LIMITED "rate_limit_error", "rate_limit_error"
#define BUSY    "server_error", "overloaded_error"
#define BROKEN  "server_error", "api_error"
#define MISSING "invalid_request_error", "not_found_error"

/* Seconds after which a retry makes sense: what a client told 0 would make of
 * it itself is a storm. */
#define SOON  1
#define LATER 5

static const struct reason_info infos[REASON_COUNT] = {
    [REASON_NONE] = {"none", 200, false, 0, "", "", "Allowed."},

    [REASON_IDENTITY_UNMAPPED] =
        {"identity_unmapped", 401, false, 0, "authentication_error",
         "authentication_error",
         "The certificate is valid, but it belongs to nobody named in the "
         "policy."},
    [REASON_CERTIFICATE_EXPIRED] =
        {"certificate_expired", 403, false, 0, DENIED,
         "The client certificate is outside its validity period."},
    [REASON_CERTIFICATE_REVOKED] =
        {"certificate_revoked", 403, false, 0, DENIED,
         "The client certificate, or one of its authorities, has been "
         "revoked. One of the gateway's own authority ends with the last "
         "window of its party: then a new one is needed."},
    [REASON_REVOCATION_UNAVAILABLE] =
        {"revocation_unavailable", 503, true, LATER, BUSY,
         "It cannot be found out now whether the client certificate has been "
         "revoked."},
    [REASON_PERSON_SUSPENDED] =
        {"person_suspended", 403, false, 0, DENIED,
         "Access is suspended. The developer's operator, together with an "
         "approver, can resume it."},
    [REASON_ACCESS_REVOKED] =
        {"access_revoked", 403, false, 0, DENIED,
         "Access was revoked by the developer. It cannot be resumed."},

    [REASON_SOURCE_DENIED] =
        {"source_denied", 403, false, 0, DENIED,
         "The request does not come from one of this party's networks."},
    [REASON_HOURS_DENIED] = {"hours_denied", 403, false, 0, DENIED,
                             "It is outside of this party's hours of use."},

    [REASON_MODEL_NOT_FOUND] = {"model_not_found", 404, false, 0, MISSING,
                                "There is no such model for this party."},
    [REASON_WINDOW_NOT_OPEN] =
        {"window_not_open", 403, false, 0, DENIED,
         "The access window of this party for this model is not open yet."},
    [REASON_WINDOW_EXPIRED] =
        {"window_expired", 403, false, 0, DENIED,
         "The access window of this party for this model has ended."},
    [REASON_WINDOW_CLOSED] =
        {"window_closed", 403, false, 0, DENIED,
         "The access window of this party for this model was closed by the "
         "developer."},
    [REASON_NDA_REQUIRED] =
        {"nda_required", 403, false, 0, DENIED,
         "A nondisclosure document must be accepted first: GET "
         "/sallyport/v1/nda says which, `sallyport accept` shows and signs "
         "it."},
    [REASON_MODEL_RELEASED] =
        {"model_released", 403, false, 0, DENIED,
         "The model was released: access before its release has ended for "
         "everybody."},
    [REASON_ROUTE_DENIED] =
        {"route_denied", 403, false, 0, DENIED,
         "The terms of access do not allow this use of the model."},
    [REASON_ROUTE_UNKNOWN] = {"route_unknown", 404, false, 0, MISSING,
                              "There is no such route."},
    [REASON_METHOD_NOT_ALLOWED] = {"method_not_allowed", 405, false, 0, INVALID,
                                   "This route does not have this method."},
    [REASON_DOCUMENT_NOT_FOUND] = {"document_not_found", 404, false, 0, MISSING,
                                   "There is no such document for this party."},

    [REASON_BAD_REQUEST] = {"bad_request", 400, false, 0, INVALID,
                            "The request is not well-formed HTTP."},
    [REASON_HEAD_TOO_LARGE] = {"head_too_large", 431, false, 0, INVALID,
                               "The request's header is too large."},
    [REASON_EXPECTATION_FAILED] =
        {"expectation_failed", 417, false, 0, INVALID,
         "Only the expectation 100-continue can be met."},
    [REASON_BODY_TOO_LARGE] =
        {"body_too_large", 413, false, 0, "invalid_request_error",
         "request_too_large",
         "The request's body is larger than the terms of access allow."},
    [REASON_BODY_TIMEOUT] = {"body_timeout", 400, false, 0, INVALID,
                             "The request's body did not arrive in time."},
    [REASON_CONTENT_TYPE] = {"content_type_unsupported", 415, false, 0, INVALID,
                             "The request's body must be application/json."},
    [REASON_ENCODING_UNSUPPORTED] =
        {"encoding_unsupported", 415, false, 0, INVALID,
         "The request's body must not be compressed."},
    [REASON_INVALID_JSON] =
        {"invalid_json", 400, false, 0, INVALID,
         "The request's body is not one well-formed JSON object."},
    [REASON_DUPLICATE_KEY] =
        {"duplicate_key", 400, false, 0, INVALID,
         "The request's body has the same key twice in one object."},
    [REASON_TOO_DEEP] = {"too_deep", 400, false, 0, INVALID,
                         "The request's body is nested too deeply."},
    [REASON_INVALID_FIELD] =
        {"invalid_field", 400, false, 0, INVALID,
         "The fields model, stream or the token limit are missing, of the "
         "wrong type or out of range."},

    [REASON_NDA_INVALID] =
        {"nda_invalid", 400, false, 0, INVALID,
         "The acceptance does not prove that this person accepted this "
         "document."},
    [REASON_PURPOSE_REQUIRED] =
        {"purpose_required", 403, false, 0, DENIED,
         "The terms of access want a purpose or case that the request does "
         "not say: send the headers x-sallyport-purpose and x-sallyport-case."},
    [REASON_VERSION_DENIED] =
        {"version_denied", 403, false, 0, DENIED,
         "The terms of access do not allow this anthropic-version."},
    [REASON_BETA_DENIED] =
        {"beta_denied", 403, false, 0, DENIED,
         "The terms of access do not allow a token of anthropic-beta."},
    [REASON_UNKNOWN_FIELD] =
        {"unknown_field", 400, false, 0, INVALID,
         "The request has a field that the gateway does not know."},
    [REASON_PARAMETER_DENIED] =
        {"parameter_denied", 403, false, 0, DENIED,
         "The terms of access do not allow this field, or so large a value."},
    [REASON_TOOL_DENIED] =
        {"tool_denied", 403, false, 0, DENIED,
         "The terms of access do not allow a tool of this type, or so many "
         "tools."},
    [REASON_MEDIA_DENIED] =
        {"media_denied", 403, false, 0, DENIED,
         "The terms of access do not allow files in requests."},
    [REASON_REMOTE_URL_DENIED] =
        {"remote_url_denied", 403, false, 0, DENIED,
         "The terms of access do not allow URLs that the endpoint would "
         "fetch: send the file itself."},

    [REASON_RATE_LIMITED] = {"rate_limited", 429, true, LATER, LIMITED,
                             "Too many requests within a minute."},
    [REASON_ADDRESSES_LIMITED] =
        {"addresses_limited", 429, true, LATER, LIMITED,
         "Requests of this person from other addresses are still open."},
    [REASON_CONCURRENCY_LIMITED] = {"concurrency_limited", 429, true, SOON,
                                    LIMITED,
                                    "Too many requests at the same time."},
    [REASON_BUDGET_RESERVED] =
        {"budget_reserved", 429, true, SOON, LIMITED,
         "What is left of the budget is reserved by requests that are still "
         "open."},
    [REASON_EGRESS_CEILING] =
        {"egress_ceiling", 403, false, 0, DENIED,
         "The answer is larger than the terms of access allow."},
    [REASON_BUDGET_EXHAUSTED] =
        {"budget_exhausted", 403, false, 0, DENIED,
         "A budget of these terms of access is used up."},
    [REASON_TIME_LIMIT] =
        {"time_limit", 403, false, 0, DENIED,
         "The request took longer than the terms of access allow."},

    [REASON_AUDIT_UNAVAILABLE] =
        {"audit_unavailable", 503, true, LATER, BUSY,
         "The request cannot be recorded now, so it cannot be served."},
    [REASON_CLOCK_UNSAFE] = {"clock_unsafe", 503, true, 30, BUSY,
                             "The gateway's clock cannot be trusted now."},
    [REASON_DRAINING] = {"draining", 503, true, SOON, BUSY,
                         "The gateway is restarting."},
    [REASON_OVERLOADED] = {"overloaded", 503, true, LATER, BUSY,
                           "The gateway is at its limit."},
    [REASON_UPSTREAM_ERROR] = {"upstream_error", 502, true, LATER, BROKEN,
                               "The model's endpoint failed."},
    [REASON_UPSTREAM_TIMEOUT] =
        {"upstream_timeout", 504, true, LATER, "server_error", "timeout_error",
         "The model's endpoint did not answer in time."},
};

const struct reason_info *reason_info(enum reason reason)
{
    if ((unsigned)reason >= REASON_COUNT)
        reason = REASON_AUDIT_UNAVAILABLE;
    return &infos[reason];
}

enum reason reason_from_code(const char *code, size_t length)
{
    for (int i = 0; i < REASON_COUNT; i++)
        if (strlen(infos[i].code) == length &&
            memcmp(infos[i].code, code, length) == 0)
            return (enum reason)i;
    return REASON_COUNT;
}

static const char *const causes[CAUSE_COUNT] = {
    [CAUSE_DONE] = "done",
    [CAUSE_CLIENT_LEFT] = "client_left",
    [CAUSE_UPSTREAM] = "upstream_failed",
    [CAUSE_EXPIRED] = "cut_expiry",
    [CAUSE_ORDERED] = "cut_order",
    [CAUSE_BUDGET] = "cut_budget",
    [CAUSE_REVOKED] = "cut_revoked",
    [CAUSE_UNSEALED] = "not_sealed",
    [CAUSE_LOST] = "lost",
};

const char *cause_code(enum cause cause)
{
    return causes[(unsigned)cause < CAUSE_COUNT ? cause : CAUSE_LOST];
}

enum cause cause_from_code(const char *code, size_t length)
{
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (strlen(causes[i]) == length && memcmp(causes[i], code, length) == 0)
            return (enum cause)i;
    return CAUSE_COUNT;
}
