/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of `sallyport enrol`: argv[0] is their own name. */
#ifndef SP_CTL_ENROL_H
#define SP_CTL_ENROL_H

#include "ctl/enrolment.h"

int enrol_start(int argc, char **argv);
int enrol_finish(int argc, char **argv);
int enrol_test(int argc, char **argv);

/* The folder that was named, or the only one there is. EXIT_HOLDS; else it has
 * said why not. */
int enrol_open(const char *verb, const char *folder, struct enrolment *e);

#endif
