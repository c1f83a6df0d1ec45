/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error answers of `sallyport connect`. What clears by itself is 5xx, which
 * SDKs try again; what somebody has to do something about is 4xx with
 * x-should-retry: false, which they do not. None of the codes is one that
 * evaluation tools take for a model's refusal.
 */
#include "ctl/connect_error.h"

#include <stdio.h>

#include "lib/http_head.h"

#define DENIED "permission_error", "permission_error"
#define BUSY   "server_error", "overloaded_error"
#define BROKEN "server_error", "api_error"

static const struct reason_info infos[CONNECT_REASONS] = {
    [CONNECT_HOST_DENIED] = {"connect_host_denied", 403, false, 0, DENIED,
                             "sallyport connect answers only to its own "
                             "address in the Host header: "
                             "use the base URL that it printed."},
    [CONNECT_BROWSER_DENIED] =
        {"connect_browser_denied", 403, false, 0, DENIED,
         "sallyport connect is not for web pages: the request has an Origin or "
         "Sec-Fetch-Site header."},
    [CONNECT_USER_DENIED] =
        {"connect_user_denied", 403, false, 0, DENIED,
         "sallyport connect answers only to the user who started it; with "
         "--any-user to others, too, and --token-file chooses among them."},
    [CONNECT_TOKEN_REQUIRED] = {"connect_token_required", 401, false, 0,
                                "authentication_error", "authentication_error",
                                "sallyport connect was started with "
                                "--token-file: send what is in that "
                                "file as API key."},
    [CONNECT_GATE_UNREACHABLE] = {"gateway_unreachable", 503, true, 5, BUSY,
                                  "The gateway cannot be reached."},
    [CONNECT_GATE_UNTRUSTED] =
        {"gateway_untrusted", 403, false, 0, DENIED,
         "Who answers does not prove that it is the gateway."},
    [CONNECT_CERTIFICATE_REFUSED] = {"gateway_refuses_certificate", 403, false,
                                     0, DENIED,
                                     "The gateway refuses your certificate."},
    [CONNECT_KEY_UNAVAILABLE] =
        {"key_unavailable", 403, false, 0, DENIED,
         "Your key cannot sign: is the card still there? Put it back, then "
         "start sallyport connect again."},
    [CONNECT_GATE_LOST] =
        {"gateway_lost", 502, true, 1, BROKEN,
         "The connection to the gateway ended before its answer did. The "
         "request may have been served, and is in the ledger then."},
    [CONNECT_GATE_SILENT] = {"gateway_silent", 504, true, 5, "server_error",
                             "timeout_error",
                             "The gateway did not answer in time."},
    [CONNECT_RECEIPTS_UNWRITABLE] = {"receipts_unwritable", 503, true, 5, BUSY,
                                     "sallyport connect cannot write its file "
                                     "of receipts, and asks nothing "
                                     "more until it can: see its messages."},
    [CONNECT_BUSY] = {"connect_busy", 503, true, 1, BUSY,
                      "Too much is waiting in sallyport connect."},
    [CONNECT_STOPPING] = {"connect_stopping", 503, true, 1, BUSY,
                          "sallyport connect is being ended."},
};

const struct reason_info *connect_reason(enum connect_reason reason)
{
    return &infos[(unsigned)reason < CONNECT_REASONS ? reason
                                                     : CONNECT_GATE_LOST];
}

void connect_text_clean(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c > 0x7e)
            *text = '?';
        else if (c == '"' || c == '\\')
            *text = '\'';
    }
}

static void error_of(struct dialect_error *e, enum dialect dialect,
                     enum route route, const struct reason_info *info,
                     const char *text)
{
    *e = (struct dialect_error){.dialect = dialect,
                                .route = route,
                                .info = info,
                                .text = text,
                                .request_id = "sallyport-connect"};
}

void connect_error_write(struct evbuffer *out, enum dialect dialect,
                         const struct reason_info *info, const char *text,
                         bool closes, bool no_body)
{
    char memory[2 * DIALECT_BYTES];
    struct dialect_error e;
    struct text t;

    error_of(&e, dialect, ROUTE_UNKNOWN, info, text);
    text_init(&t, memory, sizeof memory);
    dialect_body(&t, &e);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %d %s\r\n"
                        "content-type: application/json\r\n"
                        "content-length: %zu\r\n"
                        "cache-control: no-store\r\n"
                        "x-content-type-options: nosniff\r\n"
                        "x-should-retry: %s\r\n",
                        info->status, http_status_phrase(info->status),
                        t.length, info->retry ? "true" : "false");
    if (info->retry_after > 0)
        evbuffer_add_printf(out, "retry-after: %d\r\nretry-after-ms: %d\r\n",
                            info->retry_after, info->retry_after * 1000);
    if (closes)
        evbuffer_add_printf(out, "connection: close\r\n");
    evbuffer_add(out, "\r\n", 2);
    if (!no_body)
        evbuffer_add(out, t.data, t.length);
}

void connect_error_event(struct evbuffer *out, enum dialect dialect,
                         enum route route, const struct reason_info *info,
                         const char *text)
{
    char memory[3 * DIALECT_BYTES];
    struct dialect_error e;
    struct text t;

    error_of(&e, dialect, route, info, text);
    text_init(&t, memory, sizeof memory);
    dialect_event(&t, &e, 0);
    evbuffer_add(out, t.data, t.length);
}
