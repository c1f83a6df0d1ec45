/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every fixed bound in one place, each with its reason. Bounds that a
 * deployment may tighten are settings or terms; none can be raised past what
 * stands here.
 */
#ifndef SP_LIB_LIMITS_H
#define SP_LIB_LIMITS_H

/* P3: no pair of party and model ever gets more, counted from its first
 * opening. Not a setting. */
#define LIMIT_ACCESS_MS (30LL * 24 * 3600 * 1000)

/* HTTP heads: what nginx and HAProxy allow by default, rounded. */
#define LIMIT_HEAD_BYTES   32768
#define LIMIT_HEAD_FIELDS  100
#define LIMIT_TARGET_BYTES 2048

/* A request body: 32 MiB holds a dozen images; terms may only lower it. */
#define LIMIT_BODY_BYTES         (32u << 20)
#define LIMIT_BODY_DEFAULT_BYTES (16u << 20)
/* Bodies of one worker that are being read or forwarded, together; one party
 * gets half of what the others leave. */
#define LIMIT_BODIES_BYTES (512u << 20)
/* Refusals of one person that are recorded (one entry each) before more of
 * them than these a second get no entry: no one may fill the ledger's disk. */
#define LIMIT_REFUSALS            1000
#define LIMIT_REFUSALS_PER_SECOND 10
/* JSON nesting: real requests stay under 20. */
#define LIMIT_JSON_DEPTH 64
/* Nodes of one JSON document: a 32 MiB body of "[0,0,…" is not a request, and
 * a worker should not spend long on what it will refuse. Prompts given as token
 * ids are the longest honest lists: some hundred thousand. */
#define LIMIT_JSON_NODES (1u << 20)
/* One server-sent event, as other clients bound it. */
#define LIMIT_EVENT_BYTES (1u << 20)
/* An answer that is not streamed is read as a whole before any of it leaves:
 * 64 MiB is a full context window with all its log probabilities. */
#define LIMIT_ANSWER_BYTES (64u << 20)
/* Nodes of it (28 bytes each while it is rewritten): 20 alternatives with their
 * bytes for each of some 15,000 tokens. */
#define LIMIT_ANSWER_NODES (1u << 22)
/* An answer's bytes waiting for a client that reads slowly; then the model's
 * side is not read. */
#define LIMIT_RELAY_BYTES (256u << 10)

/* Names in a policy: they go into headers, entries and file names. */
#define LIMIT_NAME_BYTES  64
#define LIMIT_MODEL_BYTES 128
/* How a person is recognised: a UPN or an address, with the issuer's name. */
#define LIMIT_MATCH_BYTES 1024

/* One ledger entry (docs/ledger.md) */
#define LIMIT_ENTRY_BYTES 16384

/* Settings: what one operator writes. */
#define LIMIT_SETTINGS_BYTES (1u << 20)
/* Sizes of a policy: enough for every agency and partner there is. 100,000
 * people are the staff of a large department; one takes 80 to 150 bytes of
 * text, so the bytes hold them all. */
#define LIMIT_POLICY_BYTES   (16u << 20)
#define LIMIT_POLICY_PARTIES 256
#define LIMIT_POLICY_PEOPLE  131072
#define LIMIT_POLICY_MODELS  64
/* Certificates that are remembered: two of everybody, and as many revoked ones
 * of other authorities. */
#define LIMIT_CERTIFICATES   262144
#define LIMIT_POLICY_WINDOWS 1024
#define LIMIT_POLICY_TERMS   64
#define LIMIT_POLICY_ERRORS  50
/* Of one window: when its end is told. */
#define LIMIT_WINDOW_NOTICES 8
/* Where a party wants to hear of it. */
#define LIMIT_NOTICE_ADDRESSES     8
#define LIMIT_NOTICE_ADDRESS_BYTES 254
/* Documents that people accept: half of what a fileset holds, together. */
#define LIMIT_POLICY_DOCUMENTS 32
#define LIMIT_DOCUMENT_BYTES   (1u << 20)
#define LIMIT_TRUST_BYTES      (4u << 20)
/* Officers who may approve: their set is one entry of the ledger. */
#define LIMIT_APPROVERS          32
#define LIMIT_APPROVALS_REQUIRED 16
/* Signature files of one document that are looked at. */
#define LIMIT_SIGNATURES 128

/* The gateway's own routes. They need no window, so nothing else bounds them:
 * of one person in one minute of the clock, and at the same time. */
#define LIMIT_OWN_PER_MINUTE 60
#define LIMIT_OWN_CONCURRENT 8
/* Files of the ledger by one auditor: each is two entries, and a whole ledger
 * of 10 million entries is 78,000 files. */
#define LIMIT_LOG_PER_MINUTE 6000
/* An acceptance's body: a certificate and a short chain in base64. */
#define LIMIT_ACCEPT_BYTES      32768
#define LIMIT_CERTIFICATE_BYTES 4608 /* DER; 6 KiB in base64, in one entry */
#define LIMIT_CERTIFICATE_CHAIN 4
#define LIMIT_SIGNATURE_BYTES   1024 /* RSA of 8192 bits */
/* A finding, before it is sealed, and what one entry holds of it after. */
#define LIMIT_FINDING_BYTES (64u << 10)
#define LIMIT_FINDING_PART  8192
#define LIMIT_FINDING_PARTS 9 /* sealing adds 48 bytes */

/* Workers: one a core; nobody has more cores than this in one gateway. */
#define LIMIT_WORKERS 64
/* Connections of one worker, and descriptors kept back so that accept(2) can
 * always tell a client to go away. */
#define LIMIT_CONNECTIONS    16384
#define LIMIT_ACCEPT_RESERVE 16
#define LIMIT_UPSTREAM_IDLE  256

/* Times, in milliseconds. */
#define LIMIT_HANDSHAKE_MS     10000 /* a smart card signs in about 1 s */
#define LIMIT_HEAD_MS          15000
#define LIMIT_BODY_IDLE_MS     30000
#define LIMIT_KEEPALIVE_MS     120000 /* SDK pools hold idle connections ≥ 75 s */
#define LIMIT_WRITE_IDLE_MS    60000 /* a client that does not read at all */
#define LIMIT_CONNECT_MS       5000
#define LIMIT_FIRST_BYTE_MS    600000 /* SDKs wait 600 s for a slow model */
#define LIMIT_ANSWER_IDLE_MS   660000 /* longer than the SDKs' own limit */
#define LIMIT_UPSTREAM_IDLE_MS 55000  /* below common servers' 60–75 s */
#define LIMIT_KEEPER_DEAD_MS   2000   /* a keeper not heard from for so long */
#define LIMIT_HANDOVER_MS      10000 /* from a keeper to its planned successor */
#define LIMIT_OWN_MS           60000 /* one request on our own routes */
#define LIMIT_CUT_DRAIN_MS     60    /* for the error event of a cut stream */
#define LIMIT_DRAIN_MS         30000 /* SIGTERM until everything is cut */

#endif
