/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words to the service manager (sd_notify(3)'s protocol): one datagram to the
 * socket that $NOTIFY_SOCKET names. Without that variable nothing is done. A
 * library for one sendto(2) was not worth its linking into every role.
 */
#ifndef SP_GATEWAY_NOTIFY_H
#define SP_GATEWAY_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1", with "\nSTATUS=…" if wanted. */
void notify(const char *state);
/* How often WATCHDOG=1 must come, in ms; 0: never ($WATCHDOG_USEC). */
int64_t notify_watchdog_ms(void);

#endif
