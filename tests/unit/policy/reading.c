/* SPDX-License-Identifier: Apache-2.0 */
/* jansson's reading of a body. Rows of the table of fields are looked up here
 * by comparing paths: slow, and not the gateway's way. */
#include "tests/unit/policy/reading.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void reading_string(FILE *out, const char *data, size_t length)
{
    fputc('\'', out);
    for (size_t i = 0; i < length; i++)
        if (data[i] > 0x20 && data[i] < 0x7f && data[i] != '\'' &&
            data[i] != '%')
            fputc(data[i], out);
        else
            fprintf(out, "%%%02x", (uint8_t)data[i]);
    fputc('\'', out);
}

void reading_number(FILE *out, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    fprintf(out, "%016llx", (unsigned long long)bits);
}

/* ---- the tree ---- */

static void tree_write(FILE *out, json_t *v);

static void string_write(FILE *out, const char *data, size_t length)
{
    if (memchr(data, 0, length) == NULL)
        reading_string(out, data, length);
    else
        fprintf(out, "zero%zu", length);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void members_write(FILE *out, json_t *object)
{
    size_t n = json_object_size(object), i = 0, size;
    char **texts = calloc(n + 1, sizeof *texts);
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        FILE *f = open_memstream(&texts[i++], &size);

        string_write(f, name, strlen(name));
        fputc(':', f);
        tree_write(f, value);
        fclose(f);
    }
    qsort(texts, n, sizeof *texts, by_text);
    for (i = 0; i < n; i++) {
        fprintf(out, "%s ", texts[i]);
        free(texts[i]);
    }
    free(texts);
}

static void tree_write(FILE *out, json_t *v)
{
    size_t i;
    json_t *element;

    if (json_is_object(v)) {
        fputc('{', out);
        members_write(out, v);
        fputc('}', out);
    } else if (json_is_array(v)) {
        fputc('[', out);
        json_array_foreach(v, i, element)
        {
            tree_write(out, element);
            fputc(' ', out);
        }
        fputc(']', out);
    } else if (json_is_string(v)) {
        string_write(out, json_string_value(v), json_string_length(v));
    } else if (json_is_number(v)) {
        reading_number(out, json_number_value(v));
    } else {
        fputs(json_is_null(v)   ? "null"
              : json_is_true(v) ? "true"
                                : "false",
              out);
    }
}

/* ---- the facts ---- */

struct finding {
    struct reading *r;
    bool present[FIELD_MAX];
    unsigned tools;
    char types[FACTS_TOOL_TYPES + 64];
};

/* Whether `path` is that of row `parent` (FIELD_NONE: the top), a dot and
 * `name`. Members of rows like another are those of that other. */
static bool path_fits(const char *path, uint16_t parent, const char *name)
{
    const char *before = NULL;
    size_t n = 0;

    if (parent != FIELD_NONE) {
        before = field_info(parent)->like != NULL ? field_info(parent)->like
                                                  : field_info(parent)->path;
        n = strlen(before);
        if (strncmp(path, before, n) != 0 || path[n] != '.')
            return false;
        path += n + 1;
    }
    return strcmp(path, name) == 0;
}

static uint16_t row_of(const struct finding *f, uint16_t parent,
                       const char *name)
{
    for (uint16_t i = FIELD_PREFILL + 1; i < field_count(); i++)
        if (field_info(i)->routes & 1u << f->r->route &&
            path_fits(field_info(i)->path, parent, name))
            return i;
    return FIELD_NONE;
}

static bool type_is_listed(const char *list, const char *type)
{
    size_t n = strlen(type);

    while (*list != 0) {
        size_t m = strcspn(list, ",");

        if (m == n && memcmp(list, type, n) == 0)
            return true;
        list += m + (list[m] == ',');
    }
    return false;
}

static void type_tell(struct finding *f, const char *type)
{
    for (const char *c = type; *c != 0; c++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_.-", *c) == NULL)
            type = "?";
    if (type[0] == 0 || strlen(type) > 48)
        type = "?";
    if (type_is_listed(f->types, type) || type_is_listed(f->types, "?"))
        return;
    if (strlen(f->types) + strlen(type) + 1 > FACTS_TOOL_TYPES - 2)
        type = "?";
    if (f->types[0] != 0)
        strcat(f->types, ",");
    strcat(f->types, type);
}

static void tools_find(struct finding *f, json_t *list)
{
    size_t i;
    json_t *tool;

    json_array_foreach(list, i, tool)
    {
        json_t *type = json_object_get(tool, "type");

        f->tools++;
        if (type == NULL)
            type_tell(f, f->r->route == ROUTE_MESSAGES ||
                                 f->r->route == ROUTE_MESSAGES_COUNT_TOKENS
                             ? "custom"
                             : "function");
        else
            type_tell(f,
                      json_is_string(type) && strlen(json_string_value(type)) ==
                                                  json_string_length(type)
                          ? json_string_value(type)
                          : "?");
    }
}

static void member_find(struct finding *f, json_t *object, uint16_t field,
                        json_t *value)
{
    const struct field_info *info = field_info(field);
    json_t *type = json_object_get(object, "type");
    const char *text = json_string_value(value);
    bool bare = strcmp(info->path, "messages.content.image_url") == 0;

    if (text != NULL && (info->shape == FIELD_URL || bare))
        f->r->media |=
            strncasecmp(text, "data:", 5) == 0 ? MEDIA_DATA : MEDIA_REMOTE;
    else if (text != NULL && info->shape == FIELD_DATA &&
             (type == NULL || !json_is_string(type) ||
              strcmp(json_string_value(type), "text") != 0))
        f->r->media |= MEDIA_DATA;
    if (strcmp(info->path, "tools") == 0)
        tools_find(f, value);
    if (strcmp(info->path, "functions") == 0) {
        f->tools += (unsigned)json_array_size(value);
        if (json_array_size(value) > 0)
            type_tell(f, "function");
    }
    if (info->otherwise == FIELD_PART || json_is_null(value) ||
        (info->off && json_is_false(value)))
        return;
    if (info->shape == FIELD_NUMBER && json_is_number(value) &&
        (!f->present[field] || json_number_value(value) > f->r->number[field]))
        f->r->number[field] = json_number_value(value);
    f->present[field] = true;
}

static void choice_find(struct finding *f, uint16_t field, json_t *value)
{
    uint16_t choice = row_of(f, field, json_string_value(value));

    if (choice == FIELD_NONE)
        f->present[FIELD_OTHERS] = true;
    else if (field_info(choice)->otherwise != FIELD_PART)
        f->present[choice] = true;
}

static void find(struct finding *f, json_t *value, uint16_t field)
{
    enum field_shape shape =
        field == FIELD_NONE ? FIELD_OBJECT : field_info(field)->shape;
    const char *name;
    json_t *v;
    size_t i;

    if (shape == FIELD_FREE)
        return;
    json_array_foreach(value, i, v) find(f, v, field);
    if (shape == FIELD_SET && json_is_string(value))
        choice_find(f, field, value);
    if (shape != FIELD_OBJECT || !json_is_object(value))
        return;
    json_object_foreach(value, name, v)
    {
        uint16_t row = row_of(f, field, name);

        if (row == FIELD_NONE) {
            f->present[FIELD_OTHERS] = true;
        } else if (field != FIELD_NONE || !json_is_null(v)) {
            member_find(f, value, row, v);
            find(f, v, row);
        }
    }
}

static long long ceiling_find(enum route route, json_t *top)
{
    static const char *const names[][3] = {
        [ROUTE_CHAT_COMPLETIONS] = {"max_completion_tokens", "max_tokens"},
        [ROUTE_COMPLETIONS] = {"max_tokens"},
        [ROUTE_RESPONSES] = {"max_output_tokens"},
        [ROUTE_MESSAGES] = {"max_tokens"},
    };

    for (int i = 0; (size_t)route < sizeof names / sizeof *names && i < 2;
         i++) {
        json_t *v = names[route][i] == NULL
                        ? NULL
                        : json_object_get(top, names[route][i]);

        if (json_is_number(v))
            return (long long)json_number_value(v);
    }
    return -1;
}

static bool prefill_find(enum route route, json_t *top)
{
    json_t *list = route == ROUTE_RESPONSES ? json_object_get(top, "input")
                   : route == ROUTE_CHAT_COMPLETIONS || route == ROUTE_MESSAGES
                       ? json_object_get(top, "messages")
                       : NULL;
    json_t *last = json_array_size(list) == 0
                       ? NULL
                       : json_array_get(list, json_array_size(list) - 1);
    const char *role = json_string_value(json_object_get(last, "role"));

    return role != NULL && strcmp(role, "assistant") == 0;
}

static double whole(json_t *top, const struct finding *f, const char *name)
{
    double v = row_of(f, FIELD_NONE, name) == FIELD_NONE
                   ? 0
                   : ceil(json_number_value(json_object_get(top, name)));

    return v > 1e6 ? 1e6 : v;
}

static unsigned outputs_find(const struct finding *f, json_t *top)
{
    double n = whole(top, f, "n"), best = whole(top, f, "best_of"), all;
    json_t *prompt = json_object_get(top, "prompt");

    all = n > best ? n : best;
    all = all < 1 ? 1 : all;
    if (f->r->route == ROUTE_COMPLETIONS && json_array_size(prompt) > 0 &&
        !json_is_number(json_array_get(prompt, 0)))
        all *= (double)json_array_size(prompt);
    return all > 1e6 ? 1000000 : (unsigned)all;
}

static void facts_write(FILE *out, struct finding *f, json_t *top)
{
    const char *model = json_string_value(json_object_get(top, "model"));

    find(f, top, FIELD_NONE);
    f->r->outputs = outputs_find(f, top);
    f->present[FIELD_PREFILL] = prefill_find(f->r->route, top);
    fputs("model=", out);
    reading_string(out, model == NULL ? "" : model,
                   model == NULL ? 0 : strlen(model));
    fprintf(out, " stream=%d ceiling=%lld tools=%u types=%s fields=",
            json_is_true(json_object_get(top, "stream")),
            ceiling_find(f->r->route, top), f->tools, f->types);
    for (uint16_t i = 0; i < field_count(); i++)
        if (f->present[i])
            fprintf(out, "%s,", field_info(i)->path);
}

int reading_make(struct reading *r, const char *body, size_t length)
{
    struct finding *f = calloc(1, sizeof *f);
    json_error_t error;
    size_t size;
    json_t *top = json_loadb(body, length,
                             JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL |
                                 JSON_DECODE_INT_AS_REAL,
                             &error);
    FILE *out;

    if (f == NULL || !json_is_object(top)) {
        snprintf(r->error, sizeof r->error, "%s", error.text);
        json_decref(top);
        free(f);
        return SP_EINVAL;
    }
    f->r = r;
    out = open_memstream(&r->tree, &size);
    tree_write(out, top);
    fclose(out);
    out = open_memstream(&r->facts, &size);
    facts_write(out, f, top);
    fclose(out);
    json_decref(top);
    free(f);
    return 0;
}

void reading_release(struct reading *r)
{
    free(r->tree);
    free(r->facts);
    r->tree = r->facts = NULL;
}
