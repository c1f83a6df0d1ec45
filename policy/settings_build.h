/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read sallyport.yaml share. */
#ifndef SP_POLICY_SETTINGS_BUILD_H
#define SP_POLICY_SETTINGS_BUILD_H

#include "lib/document.h"
#include "policy/settings.h"

struct settings_build {
    struct document *d;
    struct report *report;
    struct settings *s;
    bool no_memory;
};

/* A member's text, NULL if there is none; the caller's to free. */
char *settings_take_text(struct settings_build *b, const struct node *n,
                         const char *key);
int64_t settings_take_number(const struct node *n, const char *key);

/* settings_tls.c: listeners, certificates and cryptography. */
void settings_tls_build(struct settings_build *b, const struct node *root);
void settings_tls_release(struct settings *s);

/* settings_metrics.c */
void settings_metrics_build(struct settings_build *b, const struct node *root);

#endif
