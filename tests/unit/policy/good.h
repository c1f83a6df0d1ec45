/* SPDX-License-Identifier: Apache-2.0 */
/* A policy and settings that are right, for tests to break. */
#ifndef SP_TESTS_POLICY_GOOD_H
#define SP_TESTS_POLICY_GOOD_H

static const char good_policy[] = /* the number of each line behind it */
    "policy: 1\n"                 /* 1 */
    "serial: 7\n"                 /* 2 */
    "basis: voluntary\n"          /* 3 */
    "developer: Acme AI, Inc.\n"  /* 4 */
    "models:\n"                   /* 5 */
    "  orion:\n"                  /* 6 */
    "    upstream:\n"             /* 7 */
    "      endpoints: [\"https://10.1.2.3:8443/v2/\", \"unix:/run/m\"]\n"
    "      ca: trust/lab.pem\n"                                         /* 9 */
    "      credential: lab\n"                                           /* 10 */
    "      model: orion-x7\n"                                           /* 11 */
    "    apis: [openai.chat, openai.completions, anthropic.messages]\n" /* 12 */
    "    build: orion/7.3.1\n"                                          /* 13 */
    "parties:\n"                                                        /* 14 */
    "  caisi:\n"                                                        /* 15 */
    "    kind: government\n"                                            /* 16 */
    "    anchors: ca\n"                                                 /* 17 */
    "    people:\n"                                                     /* 18 */
    "      eva: {san_uri: \"sallyport://sp/caisi/eva\"}\n"              /* 19 */
    "      bot: {spki_sha256: "
    "aa01bb02cc03dd04ee05ff0600070008aa01bb02cc03dd04ee05ff0600070008, "
    "kind: service, custodian: eva}\n"                  /* 20 */
    "  hospital:\n"                                     /* 21 */
    "    kind: critical-infrastructure\n"               /* 22 */
    "    anchors: trust/hospital.pem\n"                 /* 23 */
    "    people:\n"                                     /* 24 */
    "      ann: {issuer_subject: \"CN=Ann | CN=CA\"}\n" /* 25 */
    "terms:\n"                                          /* 26 */
    "  evaluation:\n"                                   /* 27 */
    "    uses: [chat.completions, messages, models]\n"  /* 28 */
    "    budget:\n"                                     /* 29 */
    "      window: {requests: 5M}\n"                    /* 30 */
    "      person: {requests: 500k, concurrent: 3, "
    "requests_per_minute: 60}\n"                  /* 31 */
    "      request: {bytes: 1MiB, seconds: 90}\n" /* 32 */
    "  likelihood:\n"                             /* 33 */
    "    extends: evaluation\n"                   /* 34 */
    "    uses: [completions]\n"                   /* 35 */
    "    budget: {window: {requests: 9}}\n"       /* 36 */
    "  plain: {}\n"                               /* 37 */
    "windows:\n"                                  /* 38 */
    "  - party: caisi\n"                          /* 39 */
    "    model: orion\n"                          /* 40 */
    "    opens: 2026-11-01T00:00:00Z\n"           /* 41 */
    "    lasts: 10d\n"                            /* 42 */
    "    terms: [evaluation, likelihood]\n"       /* 43 */
    "  - party: hospital\n"                       /* 44 */
    "    model: orion\n"                          /* 45 */
    "    opens: 2026-11-11T00:00:00Z\n"           /* 46 */
    "    closes: 2026-11-20T12:00:00Z\n"          /* 47 */
    "    terms: [plain]\n";                       /* 48 */

#define GOOD_KEY_ALICE                                                         \
    "RWSqpFEfUcPa/yEIMmOndvCoaYy+nhViNRxGe9iqfYRTi2Wk5WomdHsa"
#define GOOD_KEY_BOB "RWQ05d6Pqve49Vk5U3To9dcxoAPBJ0lqY/qjD4Hcr5bWOeYuPTTN8+xY"

static const char good_settings[] =
    "deployment: sp-east-1\n"                          /* 1 */
    "listen: 127.0.0.1:8443\n"                         /* 2 */
    "workers: 2\n"                                     /* 3 */
    "log: debug\n"                                     /* 4 */
    "ledger: {folder: log, checkpoint: 500ms}\n"       /* 5 */
    "clock: {settle: 0s}\n"                            /* 6 */
    "limits: {connections: 1k}\n"                      /* 7 */
    "timeouts: {handshake: 5s, drain: 1500ms}\n"       /* 8 */
    "credentials:\n"                                   /* 9 */
    "  lab: {file: keys/lab.token}\n"                  /* 10 */
    "  other: {file: /etc/other, header: x-api-key}\n" /* 11 */
    "approvals:\n"                                     /* 12 */
    "  valid: 12h\n"                                   /* 13 */
    "  approvers:\n"                                   /* 14 */
    "    bob: " GOOD_KEY_BOB "\n"                      /* 15 */
    "    alice: " GOOD_KEY_ALICE "\n";                 /* 16 */

#endif
