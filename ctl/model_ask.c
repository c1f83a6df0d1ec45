/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what is asked of the demo model. Runs in the demo model's own process;
 * the body comes from anybody who can reach its port (loopback by default).
 */
#include "ctl/model_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/limits.h"

/* The prompt's texts, one after the other with a line end between them. */
struct prompt {
    char *text;
    size_t length;
    size_t size;
};

static bool name_is(const struct json *j, uint32_t node, const char *name)
{
    return json_equals(j, j->nodes[node].name, name);
}

/* Strings count wherever `content` and `text` lead to them: that is where all
 * four APIs keep what the model reads. */
static int prompt_add(struct prompt *p, const struct json *j, uint32_t node)
{
    const struct json_node *n = &j->nodes[node];
    int r = 0;

    if (n->type == JSON_STRING) {
        if ((r = json_text(j, node, p->text + p->length, p->size - p->length)))
            return r;
        p->length += strlen(p->text + p->length);
        p->text[p->length++] = '\n';
        return 0;
    }
    if (n->type != JSON_ARRAY && n->type != JSON_OBJECT)
        return 0;
    for (uint32_t c = n->child; c != 0 && r == 0; c = j->nodes[c].next) {
        if (n->type == JSON_ARRAY || name_is(j, c, "content") ||
            name_is(j, c, "text"))
            r = prompt_add(p, j, c);
    }
    return r;
}

static int prompt_collect(struct prompt *p, const struct json *j)
{
    static const char *const names[] = {"system", "instructions", "messages",
                                        "prompt", "input"};
    int r;

    /* Unescaped text is never longer than its quoted form, and the line end
     * takes the place of a quote; one more for the last NUL. */
    p->size = j->length + 2;
    p->length = 0;
    if ((p->text = malloc(p->size)) == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t node = json_member(j, 0, names[i]);
        if (node != 0 && (r = prompt_add(p, j, node)) != 0)
            return r;
    }
    p->text[p->length] = '\0';
    return 0;
}

/* CRC-32 as zlib has it, so that tests can say what they expect. */
static uint32_t crc32_of(const char *text, size_t length)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < length; i++) {
        crc ^= (uint8_t)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0U - (crc & 1U)));
    }
    return ~crc;
}

static int64_t bounded(double value, int64_t max)
{
    if (!(value >= 0))
        return 0;
    return value > (double)max ? max : (int64_t)value;
}

/* One word of the prompt, with a NUL behind it. */
static void directive_apply(struct model_ask *ask, const char *word)
{
    char *end;
    const char *equals = strchr(word, '=');

    if (equals == NULL || equals[1] == '\0')
        return;
    double value = strtod(equals + 1, &end);
    if (*end != '\0' || !(value >= 0))
        return;
    size_t length = (size_t)(equals - word);
    const struct {
        const char *name;
        int64_t *field;
        int64_t max;
        double scale;
    } directives[] = {
        {"tokens", &ask->tokens, MODEL_TOKENS_MAX, 1},
        {"bytes", &ask->token_bytes, MODEL_TOKEN_BYTES_MAX, 1},
        {"wait", &ask->wait_ms, 3600 * 1000, 1000},
        {"hang-after", &ask->hang_after, MODEL_TOKENS_MAX, 1},
        {"close-after", &ask->close_after, MODEL_TOKENS_MAX, 1},
        {"fail", &ask->fail, 599, 1},
    };
    for (size_t i = 0; i < sizeof directives / sizeof directives[0]; i++) {
        if (strlen(directives[i].name) == length &&
            memcmp(directives[i].name, word, length) == 0)
            *directives[i].field =
                bounded(value * directives[i].scale, directives[i].max);
    }
    if (length == 4 && memcmp(word, "pace", 4) == 0)
        ask->pace = value;
}

/* Counts the words and applies those that are directives. Ends `text` with
 * NULs word by word. */
static void prompt_read_words(struct model_ask *ask, char *text)
{
    char *rest = text;

    for (char *word; (word = strtok_r(rest, " \t\r\n", &rest)) != NULL;) {
        ask->prompt_tokens++;
        directive_apply(ask, word);
    }
}

static int ceiling_read(const struct json *j, struct model_ask *ask,
                        char problem[160])
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens",
                                        "max_output_tokens"};
    int64_t ceiling = INT64_MAX, value;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t node = json_member(j, 0, names[i]);
        if (node == 0 || j->nodes[node].type == JSON_NULL)
            continue;
        if (json_int(j, node, &value) != 0 || value < 1) {
            snprintf(problem, 160, "%s: expected a whole number from 1",
                     names[i]);
            return SP_EINVAL;
        }
        ceiling = value < ceiling ? value : ceiling;
    }
    if (ask->api == MODEL_MESSAGES && ceiling == INT64_MAX) {
        snprintf(problem, 160, "max_tokens: field required");
        return SP_EINVAL;
    }
    ask->cut = ask->tokens > ceiling;
    if (ask->cut)
        ask->tokens = ceiling;
    return 0;
}

static int model_name_read(const struct json *j, struct model_ask *ask,
                           char problem[160])
{
    char name[LIMIT_MODEL_BYTES + 1];
    size_t length = 0;
    uint32_t node = json_member(j, 0, "model");

    if (node == 0 || j->nodes[node].type != JSON_STRING ||
        json_text(j, node, name, sizeof name) != 0 ||
        json_quote(ask->model, sizeof ask->model - 1, &length, name,
                   strlen(name)) != 0) {
        snprintf(problem, 160, "model: expected a name of at most %d bytes",
                 LIMIT_MODEL_BYTES);
        return SP_EINVAL;
    }
    ask->model[length] = '\0';
    return 0;
}

static bool flag_is_true(const struct json *j, uint32_t object,
                         const char *name)
{
    uint32_t node = json_member(j, object, name);
    return node != 0 && j->nodes[node].type == JSON_TRUE;
}

static int fields_read(const struct json *j, struct model_ask *ask,
                       char problem[160])
{
    int64_t n;
    uint32_t node = json_member(j, 0, "n");

    /* One answer a request: saying so beats answering something else. */
    if (node != 0 && (json_int(j, node, &n) != 0 || n != 1)) {
        snprintf(problem, 160, "n: this model gives exactly one answer");
        return SP_EINVAL;
    }
    ask->stream = flag_is_true(j, 0, "stream");
    node = json_member(j, 0, "stream_options");
    ask->include_usage = node != 0 && j->nodes[node].type == JSON_OBJECT &&
                         flag_is_true(j, node, "include_usage");
    return model_name_read(j, ask, problem);
}

static int ask_read(const struct json *j, struct model_ask *ask,
                    struct prompt *p, char problem[160])
{
    int r;

    if (j->nodes[0].type != JSON_OBJECT) {
        snprintf(problem, 160, "expected a JSON object");
        return SP_EINVAL;
    }
    if ((r = fields_read(j, ask, problem)) != 0)
        return r;
    if ((r = prompt_collect(p, j)) != 0) {
        snprintf(problem, 160, "a text of the prompt cannot be read");
        return r;
    }
    ask->checksum = crc32_of(p->text, p->length);
    ask->tokens = 24 + ask->checksum % 41;
    prompt_read_words(ask, p->text);
    if (ask->api != MODEL_COUNT_TOKENS &&
        (r = ceiling_read(j, ask, problem)) != 0)
        return r;
    int64_t each = ask->token_bytes > 16 ? ask->token_bytes : 16;
    /* The responses API repeats the whole text when a stream ends. */
    bool whole = !ask->stream || ask->api == MODEL_RESPONSES;
    if (whole && ask->tokens > MODEL_WHOLE_BYTES_MAX / each) {
        snprintf(problem, 160,
                 "an answer of this size is only streamed, and not "
                 "by the responses API");
        return SP_EINVAL;
    }
    return 0;
}

int model_ask_parse(enum model_api api, const char *body, size_t length,
                    struct model_ask *ask, char problem[160])
{
    struct json j = {0};
    struct prompt p = {0};
    int r;

    *ask = (struct model_ask){.api = api,
                              .hang_after = MODEL_NEVER,
                              .close_after = MODEL_NEVER,
                              .pace = -1};
    if ((r = json_parse(&j, body, length, LIMIT_JSON_DEPTH,
                        LIMIT_JSON_NODES)) != 0)
        snprintf(problem, 160, "at byte %zu: %s", j.fault_offset,
                 json_fault_text(j.fault));
    else
        r = ask_read(&j, ask, &p, problem);
    free(p.text);
    json_release(&j);
    return r;
}

static const char *const words[64] = {
    "gate",   "harbor",  "lantern", "river",   "stone",   "keeper", "window",
    "signal", "copper",  "meadow",  "anchor",  "ledger",  "winter", "bridge",
    "candle", "orbit",   "timber",  "canvas",  "valley",  "ember",  "garden",
    "mirror", "north",   "pilot",   "quartz",  "ribbon",  "saddle", "tower",
    "umbra",  "violet",  "walnut",  "yonder",  "zephyr",  "amber",  "basalt",
    "cedar",  "delta",   "echo",    "fable",   "granite", "hollow", "island",
    "jasper", "kettle",  "lattice", "marble",  "needle",  "opal",   "prairie",
    "quiver", "rampart", "summit",  "thicket", "upland",  "velvet", "willow",
    "xenon",  "yarrow",  "zenith",  "arbor",   "beacon",  "cinder", "dune",
    "estuary"};

size_t model_token_text(const struct model_ask *ask, int64_t i, char *out)
{
    size_t length;

    if (i == 0) {
        length = (size_t)snprintf(out, 16, "%08x", ask->checksum);
    } else {
        /* Any good mixer does; this is the finalizer of SplitMix64. */
        uint64_t x = ((uint64_t)ask->checksum << 32) + (uint64_t)i;
        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        length = (size_t)snprintf(out, 16, " %s", words[(x ^ (x >> 31)) % 64]);
    }
    size_t want = (size_t)ask->token_bytes;
    if (want > length) {
        memset(out + length, '.', want - length);
        length = want;
    }
    return length;
}
