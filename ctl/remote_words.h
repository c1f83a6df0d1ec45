/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong between an evaluator and a gateway, in words: what to do, and
 * whom to ask. One line each, without quotes.
 */
#ifndef SP_CTL_REMOTE_WORDS_H
#define SP_CTL_REMOTE_WORDS_H

#define REMOTE_WORDS 640

/* What a gateway says about our certificate by an alert (RFC 8446 section 6.2);
 * NULL: nothing about it. A constant. */
const char *remote_alert_words(int alert);

/* Why the gateway's certificate is not trusted: an X509_V_ERR_…; `name` is
 * what it has to prove. */
void remote_trust_words(long trust, const char *name, char words[REMOTE_WORDS]);

/* Why there is no TCP connection; an errno. */
void remote_connect_words(int error, const char *host, const char *port,
                          char words[REMOTE_WORDS]);

#endif
