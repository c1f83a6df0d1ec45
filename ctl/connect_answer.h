/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one answer of the gateway. What describes the connection is taken out
 * of its head; everything else may be passed on as it came.
 */
#ifndef SP_CTL_CONNECT_ANSWER_H
#define SP_CTL_CONNECT_ANSWER_H

#include <llhttp.h>

#include "ctl/connect_gate.h"
#include "lib/buf.h"

struct answer {
    llhttp_t parser;
    struct gate_answer head;
    struct buf name, value;
    size_t head_bytes;
    bool complete, keep, broken;
    void (*begin)(void *arg, const struct gate_answer *a);
    void (*piece)(void *arg, const void *data, size_t length);
    void *arg;
    const bool *over; /* set from within a call: read no further */
};

/* SP_ENOMEM. */
int answer_init(struct answer *a, bool no_body) SP_MUST_USE;
void answer_release(struct answer *a);
/* 0: it may go on; SP_EPROTO: it is malformed, or bytes came behind its end. */
int answer_read(struct answer *a, const void *data, size_t length) SP_MUST_USE;

#endif
