/* SPDX-License-Identifier: Apache-2.0 */
/* `sallyport init`: what is to be made, and making it. */
#ifndef SP_CTL_INIT_H
#define SP_CTL_INIT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define INIT_NAMES_MAX 16
#define INIT_HOST_MAX  64

/* Checked options; texts are argv's. */
struct init_plan {
    const char *folder;
    const char *deployment;
    const char *listen;
    const char *model, *upstream_model; /* the second may be NULL */
    const char *endpoint, *endpoint_ca; /* the second may be NULL: a file */
    const char *party, *person, *kind;
    const char *names[INIT_NAMES_MAX]; /* of the server's certificate */
    size_t nnames;
    int64_t opens, closes; /* ms UTC, whole seconds */
};

/* Makes the deployment: all of it, or nothing is left behind. `problem` gets
 * one line. SP_EEXIST: the folder is not empty. */
int init_make(const struct init_plan *plan, char problem[512]) SP_MUST_USE;

#endif
