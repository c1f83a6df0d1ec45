/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `sallyport ca` share; one file each. */
#ifndef SP_CTL_CA_PARTS_H
#define SP_CTL_CA_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/authority.h"
#include "ctl/deployment.h"
#include "ctl/password.h"
#include "ctl/verbs.h"

#define CA_NAMES_MAX 16

struct ca_options {
    const char *verb;
    const char *folder; /* DIR */
    const char *file;   /* the second argument of those that have one */
    const char *deployment, *profile, *key, *root_key, *days, *root_days;
    const char *party, *person, *csr, *out;
    const char *serial, *cert, *reason;
    const char *passphrase_file, *new_passphrase_file;
    const char *names[CA_NAMES_MAX];
    size_t nnames;
    bool offline, show, root, json, ask_passphrase, no_passphrase, revoke_old;
};

int ca_run_init(const struct ca_options *o);
int ca_run_request(const struct ca_options *o);
int ca_run_sign_intermediate(const struct ca_options *o);
int ca_run_install(const struct ca_options *o);
int ca_run_issue(const struct ca_options *o);
int ca_run_sign(const struct ca_options *o);
int ca_run_server(const struct ca_options *o);
int ca_run_renew(const struct ca_options *o);
int ca_run_revoke(const struct ca_options *o);
int ca_run_list(const struct ca_options *o);
int ca_run_crl(const struct ca_options *o);
int ca_run_passphrase(const struct ca_options *o);

/* "sallyport ca: …" on stderr; returns `status`. */
int ca_complain(int status, const char *format, ...) SP_PRINTF(2, 3);

/* Where the authority of DIR is: what DIR/sallyport.yaml says, or DIR/ca. */
struct ca_place {
    struct deployment d; /* .settings is NULL without sallyport.yaml */
    char *folder;
};
/* EXIT_HOLDS, or another status after a message. */
int ca_place_find(const struct ca_options *o, bool with_policy,
                  struct ca_place *place);
void ca_place_release(struct ca_place *place);
/* The deployment's id: the settings', --deployment, or NULL after a message. */
const char *ca_place_deployment(const struct ca_options *o,
                                const struct ca_place *place);

/* Opens it, asking for a passphrase or a PIN if the key needs one and
 * --passphrase-file does not say it. */
int ca_open(const struct ca_options *o, const struct ca_place *place,
            enum authority_part part, bool with_key, struct authority **a);
/* Whether the key of a part can sign without anybody being asked. */
bool ca_key_is_free(const struct ca_options *o, const struct ca_place *place,
                    enum authority_part part);
/* A PIN, if a token's key needs one, will be asked for on the terminal. */
void ca_ask_for_pins(void);

/* "N" days, 1 to `most`, into ms. NULL leaves *ms. */
int ca_days(const char *option, const char *text, int most, int64_t *ms);

/* Reads --csr. */
int ca_read_request(const char *file, struct request **out);

/* Where a certificate and its key go; both malloc'd. */
struct ca_outputs {
    char *cert, *key;
};
/* --out, a file or a folder (there: STEM.crt), else `standard` (malloc'd,
 * taken, ends in ".crt"). Complains if one of the files exists: nothing is made
 * in vain and nothing is overwritten. */
int ca_outputs_find(const struct ca_options *o, char *standard,
                    const char *stem, bool with_key, struct ca_outputs *out);
/* The key first: a certificate without its key is of no use to anybody. */
int ca_outputs_write(const struct ca_outputs *o,
                     const struct authority_issued *issued);
void ca_outputs_release(struct ca_outputs *o);

/* Signs a list and says so. `ms` 0: as long as is usual for the part. */
int ca_publish(struct authority *a, const struct ca_place *place,
               enum authority_part part, int64_t ms);
/* After a revocation: the daemon hears of it, and a list is signed if that
 * needs nobody at the keyboard, else what to run is said. Neither waits for the
 * other to succeed. */
int ca_revoked(const struct ca_options *o, const struct ca_place *place,
               enum authority_part part);

#endif
