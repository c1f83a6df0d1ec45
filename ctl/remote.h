/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway as an evaluator reaches it: by its URL, with a certificate. For
 * the verbs that ask it something and print what it says.
 */
#ifndef SP_CTL_REMOTE_H
#define SP_CTL_REMOTE_H

#include <netdb.h>
#include <stdbool.h>

#include "ctl/client.h"
#include "ctl/credential.h"
#include "ctl/enrolment.h"

struct remote {
    const char *verb; /* for messages */
    const char *url;  /* "https://HOST[:PORT]" */
    const char *name; /* that the gateway must prove; by default the host */
    const char *certificate, *key; /* PEM files or pkcs11: URIs */
    const char *anchors;           /* PEM file, NULL: the system's */
    const char *passphrase_file;   /* of the key; NULL: asked for */
    const char *enrolled;          /* a folder; in place of all of the above */
    /* Since remote_open(): */
    struct enrolment enrolment;
    struct credential credential; /* loaded */
    char host[256], port[8];
    char said[2048]; /* the options that were given, for the shell: " --url …",
                        or "" if nothing was said */
    struct client *client;
};

/* Takes --url, --cert, --key, --cacert as option values 'u', 'c', 'k', 'a', and
 * two more; false: it is none of them. */
bool remote_option(struct remote *r, int option, const char *value);
#define REMOTE_OPT_PASSPHRASE 1001
#define REMOTE_OPT_ENROLLED   1002
#define REMOTE_OPTIONS                                                         \
    {"url", required_argument, NULL, 'u'},                                     \
        {"cert", required_argument, NULL, 'c'},                                \
        {"key", required_argument, NULL, 'k'},                                 \
        {"passphrase-file", required_argument, NULL, REMOTE_OPT_PASSPHRASE},   \
        {"enrolled", required_argument, NULL, REMOTE_OPT_ENROLLED},            \
    {                                                                          \
        "cacert", required_argument, NULL, 'a'                                 \
    }
/* For usage texts, behind the verb's own name. */
#define REMOTE_USAGE                                                           \
    "  --enrolled DIR  what `sallyport enrol` has stored; if you have just "   \
    "one\n"                                                                    \
    "                  enrolment, it is taken without any option. Or else:\n"  \
    "  --url https://HOST[:PORT]\n"                                            \
    "  --cert FILE     your certificate, then its chain; or a pkcs11: URI\n"   \
    "  --key FILE      its key; or a pkcs11: URI (docs/cards.md)\n"            \
    "  --passphrase-file FILE\n"                                               \
    "                  the key's passphrase or the token's PIN, if it is not " \
    "to\n"                                                                     \
    "                  be asked\n"                                             \
    "  --cacert FILE   who vouches for the gateway; else the system's store\n"

/* Whether it is said where to go and as whom: url, cert and key, or an
 * enrolment, which is taken by itself if nothing is said and it is the only
 * one. */
bool remote_is_complete(const struct remote *r);

/* Everything but the connection: takes the enrolment, parses the URL, loads the
 * key; prints what is wrong. EXIT_HOLDS or the exit status. */
int remote_load(struct remote *r);
/* The gateway's addresses; an error of getaddrinfo(). */
int remote_resolve(const struct remote *r, struct addrinfo **all);

/* Loads the key and connects; prints what is wrong. EXIT_HOLDS or the exit
 * status. Close it in every case. */
int remote_open(struct remote *r);
/* The connection alone; it may be opened again, with the same key. */
void remote_close(struct remote *r);
/* All of it. */
void remote_release(struct remote *r);

/* Asks and waits for an answer with status `want`; prints what else came, with
 * the gateway's own words. `a` must be released in every case. */
int remote_ask(struct remote *r, const char *method, const char *target,
               const char *body, int want, struct client_answer *a);
/* Prints the gateway's own words about an answer that was not wanted. */
void remote_print_refusal(const struct remote *r,
                          const struct client_answer *a);

#endif
