/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of one person's access to one gateway, which `sallyport enrol`
 * fills and every verb that asks a gateway can use:
 *
 *     enrolment.json   whose it is, and where the key is
 *     key.pem          0600; none if the key is on a token
 *     request.csr      what was sent to the developer
 *     certificate.pem  the person's, then its chain; from here on since
 *     gateway-ca.pem   `enrol finish`
 *     gateway.url
 *     ledger.vkey
 *     bundle.json      what came from the developer; written last
 */
#ifndef SP_CTL_ENROLMENT_H
#define SP_CTL_ENROLMENT_H

#include <limits.h>
#include <stdbool.h>

#include "ctl/bundle.h"
#include "lib/error.h"

#define ENROLMENT_PROBLEM 512
#define ENROLMENT_WHO     "enrolment.json"
#define ENROLMENT_KEY     "key.pem"
#define ENROLMENT_REQUEST "request.csr"
#define ENROLMENT_CERT    "certificate.pem"
#define ENROLMENT_CA      "gateway-ca.pem"
#define ENROLMENT_URL     "gateway.url"
#define ENROLMENT_VKEY    "ledger.vkey"
#define ENROLMENT_BUNDLE  "bundle.json"

struct enrolment {
    char folder[PATH_MAX];
    char party[65], person[65];
    char deployment[65];         /* "": not said at its start */
    char *key;                   /* a file's path, or a pkcs11: URI */
    char *certificate, *anchors; /* paths */
    bool finished;
    struct bundle bundle; /* if it is finished */
    char *url;            /* of the first gateway, if it is finished */
};

/* ~/.config/sallyport or where XDG_CONFIG_HOME says. SP_ENOENT: no home;
 * SP_ETOOBIG. */
int enrolment_base(char folder[PATH_MAX]) SP_MUST_USE;
/* The only enrolment below the base. SP_ENOENT: there is none; SP_EAMBIGUOUS:
 * there are several, which `problem` lists; SP_ETOOBIG. */
int enrolment_only(char folder[PATH_MAX],
                   char problem[ENROLMENT_PROBLEM]) SP_MUST_USE;

/* Reads a folder; finished or not. SP_ENOENT: it has no enrolment; SP_EINVAL
 * and others with `problem`. */
int enrolment_load(const char *folder, struct enrolment *e,
                   char problem[ENROLMENT_PROBLEM]) SP_MUST_USE;
void enrolment_release(struct enrolment *e);

/* Writes ENROLMENT_WHO of a new one: `key` is ENROLMENT_KEY or a URI. SP_EEXIST
 * and others of file_create(). */
int enrolment_begin(const char *folder, const char *party, const char *person,
                    const char *deployment, const char *key) SP_MUST_USE;

/* A file of a folder, once: the same bytes again are 0, others SP_EEXIST. */
int enrolment_write(const char *folder, const char *name, unsigned mode,
                    const void *data, size_t length) SP_MUST_USE;

#endif
