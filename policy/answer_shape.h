/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes of what the APIs answer: which member means what, and of which
 * shape its value is. One table; what is not in it is kept and looked through
 * for what no API's answer may show.
 */
#ifndef SP_POLICY_ANSWER_SHAPE_H
#define SP_POLICY_ANSWER_SHAPE_H

#include <stddef.h>
#include <stdint.h>

enum shape {
    SHAPE_ANY,    /* no meaning of its own; its rows hold in all others, too */
    SHAPE_OPAQUE, /* free-form content: not looked into */

    SHAPE_CHAT,     /* a chat completion, a completion, or a chunk of one */
    SHAPE_CHOICE,   /* of `choices` */
    SHAPE_SPOKEN,   /* `message` or `delta` */
    SHAPE_PART,     /* of `content`, if that is a list */
    SHAPE_CALL,     /* of `tool_calls` */
    SHAPE_FUNCTION, /* the call itself */
    SHAPE_AUDIO,

    SHAPE_RESPONSE_EVENT,
    SHAPE_RESPONSE,
    SHAPE_ITEM, /* of `output`; by its type: */
    SHAPE_REASONING_ITEM,

    SHAPE_MESSAGE_EVENT,
    SHAPE_MESSAGE,
    SHAPE_BLOCK, /* of `content` */
    SHAPE_BLOCK_DELTA,

    SHAPE_TOKENS, /* of count_tokens */
    SHAPE_COUNT
};

/* What is done about a member. */
enum deed {
    DEED_NONE,
    DEED_SAID,            /* what the model said: counted */
    DEED_THOUGHT,         /* counted; removed where reasoning is stripped */
    DEED_THOUGHT_AGAIN,   /* the same, but a repeat: not counted */
    DEED_THOUGHT_EMPTIED, /* counted; emptied where reasoning is stripped */
    DEED_THOUGHT_EVENT,   /* counted; its event dropped … */
    DEED_MODEL,           /* gets the name that clients use */
    DEED_MODEL_MAYBE,     /* only if it is the endpoint's name */
    DEED_USAGE,
    DEED_ID,
    DEED_FINISH,
    DEED_KIND,    /* "error" is an error */
    DEED_ERROR,   /* unless null, an error */
    DEED_FAILURE, /* unless null, rewritten */
    DEED_COUNT
};

struct shape_row {
    const char *name;
    uint8_t length;
    uint8_t deed;  /* enum deed */
    uint8_t shape; /* enum shape: of the value, or of its elements */
};

/* What the member means; never NULL. `name` is unescaped. */
const struct shape_row *shape_row(enum shape shape, const char *name,
                                  size_t length);
/* What an element of a list in that shape means; never NULL. */
const struct shape_row *shape_element(enum shape shape);

#endif
