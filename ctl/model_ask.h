/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request asks of the demo model: the API, how it is to be answered,
 * how many tokens, and the directives that tests put into the prompt.
 *
 * A token is one word, of the prompt as of the answer; that is the whole
 * tokenizer, so that everybody can check the usage that is reported.
 */
#ifndef SP_CTL_MODEL_ASK_H
#define SP_CTL_MODEL_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

enum model_api {
    MODEL_CHAT,
    MODEL_COMPLETIONS,
    MODEL_RESPONSES,
    MODEL_MESSAGES,
    MODEL_COUNT_TOKENS,
    MODEL_API_COUNT
};

/* Bounds of what one answer may be told to be. */
#define MODEL_TOKENS_MAX      10000000
#define MODEL_TOKEN_BYTES_MAX 65536
#define MODEL_WHOLE_BYTES_MAX (64 << 20) /* an answer that is not streamed */

#define MODEL_NEVER (-1)

struct model_ask {
    enum model_api api;
    bool stream;
    bool include_usage; /* stream_options of the chat dialect */
    char model[800];    /* as asked, a JSON string with its quotes */
    uint32_t checksum;  /* CRC-32 of the prompt's text */
    int64_t prompt_tokens;
    int64_t tokens; /* of the answer */
    bool cut;       /* by the ceiling that was asked for */
    /* directives */
    int64_t token_bytes; /* every token is padded to so many; 0: as it is */
    int64_t wait_ms;     /* before anything is answered */
    int64_t hang_after;  /* tokens; MODEL_NEVER */
    int64_t close_after; /* tokens; MODEL_NEVER */
    int64_t fail;        /* HTTP status; 0: none */
    double pace;         /* tokens per second; 0: as fast as they are read;
                            negative: as the endpoint was started */
};

/* Reads a request body. SP_EINVAL with `problem` for the client; SP_ENOMEM. */
int model_ask_parse(enum model_api api, const char *body, size_t length,
                    struct model_ask *ask, char problem[160]) SP_MUST_USE;

/* The text of token `i` at `out`, which holds MODEL_TOKEN_BYTES_MAX. Returns
 * its length. No byte of it needs escaping in JSON. */
size_t model_token_text(const struct model_ask *ask, int64_t i, char *out);

#endif
