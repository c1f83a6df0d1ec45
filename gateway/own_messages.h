/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of the gateway's own routes, over the link between worker and
 * keeper (docs/messages.md). What a person sends there can be longer than one
 * record: it goes in parts, one behind the other, before the question that it
 * belongs to; so the keeper holds at most one such content of each worker.
 * What the keeper knows of a person goes back in rows before the answer.
 */
#ifndef SP_GATEWAY_OWN_MESSAGES_H
#define SP_GATEWAY_OWN_MESSAGES_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/acceptance.h"
#include "gateway/messages.h"
#include "lib/ring.h"

/* What one part carries; the last may be shorter. */
#define OWN_PART_BYTES 3840
/* A sealed finding is the longest content. */
#define OWN_CONTENT_BYTES (LIMIT_FINDING_BYTES + crypto_box_SEALBYTES)
#define OWN_PARTS         ((OWN_CONTENT_BYTES + OWN_PART_BYTES - 1) / OWN_PART_BYTES)

struct own_part {
    uint64_t ticket;     /* of the question that follows */
    uint32_t part;       /* 0 … parts − 1, in order */
    uint32_t parts;      /* 1 … OWN_PARTS */
    const uint8_t *data; /* 1 to OWN_PART_BYTES; all but the last are full */
    size_t length;
};

/* The content of an acceptance. Bytes point into the message. */
struct own_acceptance {
    uint32_t document; /* index in the policy */
    uint8_t sha256[32];
    enum acceptance_algorithm algorithm; /* or BY_KEY */
    const uint8_t *certificate;          /* DER */
    size_t certificate_length;           /* 1 – LIMIT_CERTIFICATE_BYTES */
    const uint8_t *signature;
    size_t signature_length; /* 1 – LIMIT_SIGNATURE_BYTES */
    uint32_t nchain;         /* 0 – LIMIT_CERTIFICATE_CHAIN */
    const uint8_t *chain[LIMIT_CERTIFICATE_CHAIN]; /* DER */
    size_t chain_length[LIMIT_CERTIFICATE_CHAIN];  /* as the certificate's */
};

/* A window as the keeper sees it; its terms by their place in the window. */
#define OWN_TERMS 8 /* of one window, as the language has it */
struct own_window {
    uint64_t ticket;
    uint32_t window;    /* index in the policy */
    enum reason reason; /* REASON_NONE: open */
    int64_t closes;     /* what holds, ms UTC */
    uint64_t statement; /* the entry that sums it up; 0: none yet */
    uint32_t nterms;
    uint64_t all[OWN_TERMS][UNIT_COUNT]; /* what all people spent in it */
    uint64_t own[OWN_TERMS][UNIT_COUNT]; /* …and this person */
};

struct own_document {
    uint64_t ticket;
    uint32_t document; /* index in the policy */
    bool accepted;
    uint64_t n; /* where: nda.accepted; 0 if not */
    int64_t t;
};

MESSAGE_PAIR(own_part, own_part);
MESSAGE_PAIR(own_acceptance, own_acceptance);
MESSAGE_PAIR(own_window, own_window);
MESSAGE_PAIR(own_document, own_document);

#endif
