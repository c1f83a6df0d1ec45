/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a document may hold, as tables: field, type, range, default, one line
 * of help. One table checks a file, fills its defaults, words its errors and
 * writes its reference, so that none of them can be forgotten.
 */
#ifndef SP_LIB_SCHEMA_H
#define SP_LIB_SCHEMA_H

#include "lib/document.h"

enum schema_type {
    SCHEMA_TEXT,     /* of min–max bytes */
    SCHEMA_NAME,     /* [a-z0-9][a-z0-9._-]{0,63} */
    SCHEMA_MODEL,    /* [A-Za-z0-9][A-Za-z0-9._:-]{0,127} */
    SCHEMA_PATH,     /* of a file: no "..", no trailing slash */
    SCHEMA_CHOICE,   /* one of `words`; number: its index */
    SCHEMA_COUNT,    /* number; k M G: thousands */
    SCHEMA_SIZE,     /* number of bytes; k M G, KiB MiB GiB */
    SCHEMA_TIME,     /* number: ms UTC */
    SCHEMA_DURATION, /* number: ms */
    SCHEMA_SECONDS,  /* a duration, or a whole number of seconds; number: ms */
    SCHEMA_HASH,     /* 64 hex digits */
    SCHEMA_RECORD,   /* a mapping of `fields` */
    SCHEMA_MAP,      /* a mapping of names of type `key` to fields[0] */
    SCHEMA_LIST,     /* of fields[0]; min–max elements */
    SCHEMA_FREE, /* anything; its owner reads it, words[0] says what it is */
    SCHEMA_ANY   /* of fields that are not yet supported */
};

enum {
    SCHEMA_REQUIRED = 1,
    SCHEMA_LATER = 2,   /* in the language, but not yet supported: refused */
    SCHEMA_IMPLIED = 4, /* a record that is there even if it is not written, so
                           that its fields' defaults are */
};

/* Tables end with a field without a name; an element's (fields[0] of a map or
 * a list) has the name that messages use for it. */
struct schema_field {
    const char *name;
    enum schema_type type;
    unsigned flags;
    int64_t min, max;         /* of the number, the length, the members */
    const char *fallback;     /* the default as one would write it, or NULL */
    const char *const *words; /* SCHEMA_CHOICE: up to a NULL; SCHEMA_COUNT: one
                                 word that stands for 0, or NULL */
    enum schema_type key;     /* SCHEMA_MAP: SCHEMA_NAME or SCHEMA_MODEL */
    const struct schema_field *fields;
    const char *help;
};

/* Checks a document against the fields of its root, decodes every scalar and
 * adds what has a default. 0, SP_EINVAL with errors reported, SP_ENOMEM. */
int schema_check(struct document *d, const struct schema_field *fields,
                 struct report *report) SP_MUST_USE;

/* What a field wants, for messages and references. */
#define SCHEMA_EXPECTED_SIZE 256
void schema_expected(const struct schema_field *f,
                     char text[SCHEMA_EXPECTED_SIZE]);

/* Decodes the text of a scalar; false if it is not what the field wants. */
bool schema_decode(const struct schema_field *f, struct node *n);

/* A number as one would write it, with the largest unit that divides it. */
void schema_number(const struct schema_field *f, int64_t v, char *text,
                   size_t size);

/* The candidate that `word` is probably a misspelling of, or NULL. Feed all
 * candidates to one struct. */
struct nearest {
    const char *word, *best;
    size_t distance;
};
void nearest_try(struct nearest *n, const char *candidate);

/* Writes a document that schema_check() found right in the one form that all
 * documents of its meaning share (lib/schema_print.c). SP_EIO. */
int schema_print(FILE *out, const struct document *d,
                 const struct schema_field *fields) SP_MUST_USE;

/* The reference of a table in Markdown. */
int schema_reference(FILE *out, const struct schema_field *fields) SP_MUST_USE;

#endif
