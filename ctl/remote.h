/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway as an evaluator reaches it: by its URL, with a certificate. For
 * the verbs that ask it something and print what it says.
 */
#ifndef SP_CTL_REMOTE_H
#define SP_CTL_REMOTE_H

#include <stdbool.h>

#include "ctl/client.h"

struct remote {
    const char *verb;              /* for messages */
    const char *url;               /* "https://HOST[:PORT]" */
    const char *certificate, *key; /* PEM files */
    const char *anchors;           /* PEM file, NULL: the system's */
    char host[256];
    struct client *client;
};

/* Takes --url, --cert, --key, --cacert as option values 'u', 'c', 'k', 'a';
 * false: it is none of them. */
bool remote_option(struct remote *r, int option, const char *value);
#define REMOTE_OPTIONS                                                         \
    {"url", required_argument, NULL, 'u'},                                     \
        {"cert", required_argument, NULL, 'c'},                                \
        {"key", required_argument, NULL, 'k'},                                 \
    {                                                                          \
        "cacert", required_argument, NULL, 'a'                                 \
    }
/* True if url, cert and key are there. */
bool remote_is_complete(const struct remote *r);

/* Connects; prints what is wrong. EXIT_HOLDS or the exit status. */
int remote_open(struct remote *r);
void remote_close(struct remote *r);

/* Asks and waits for an answer with status `want`; prints what else came, with
 * the gateway's own words. `a` must be released in every case. */
int remote_ask(struct remote *r, const char *method, const char *target,
               const char *body, int want, struct client_answer *a);
/* Prints the gateway's own words about an answer that was not wanted. */
void remote_print_refusal(const struct remote *r,
                          const struct client_answer *a);

#endif
