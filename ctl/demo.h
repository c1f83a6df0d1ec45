/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo: a deployment in a temporary folder, its processes, and the story
 * that is told about them.
 */
#ifndef SP_CTL_DEMO_H
#define SP_CTL_DEMO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/address.h"
#include "ctl/child.h"
#include "lib/error.h"

#define DEMO_PATH                                                              \
    1024 /* the folder's own name is checked to be far shorter                 \
          */

/* The window that the story sees the end of: long enough to get there on a
 * slow machine. */
#define DEMO_BRIEF_MS 9000

struct demo {
    char self[PATH_MAX]; /* this program */
    char folder[DEMO_PATH / 2];
    char gate[DEMO_PATH];     /* the deployment, below the folder */
    char stranger[DEMO_PATH]; /* another one, whose certificates mean nothing */
    char model[64];           /* the model's endpoint, HOST:PORT */
    char listen[64];          /* the gate's, HOST:PORT */
    struct address address;   /* the same */
    struct child endpoint;
    struct child daemon;
    int64_t brief_closes; /* ms UTC */
    unsigned checks;      /* lines told so far */
};

/* "<folder>/<name>" for `demo_path(d->gate, "ca/ca.crt", out)`. */
const char *demo_path(const char *folder, const char *name,
                      char out[DEMO_PATH]);

/* Makes the folder, both deployments, the policy; starts the model. Each tells
 * what failed on standard error. */
int demo_prepare(struct demo *d) SP_MUST_USE;
int demo_daemon_start(struct demo *d) SP_MUST_USE;
/* Its exit status, as child_stop(). */
int demo_daemon_stop(struct demo *d);
/* Runs this program with other arguments, the last of them NULL; its output
 * is put into `output`. Returns the exit status, or -signal. */
int demo_run(struct demo *d, char *output, size_t size, ...);

/* Tells the story line by line; true if nothing surprised. */
bool demo_story_tell(struct demo *d);

/* A signal asked us to stop. */
bool demo_interrupted(void);

#endif
