/* SPDX-License-Identifier: Apache-2.0 */
/* Control's other listener: metrics and health over plain HTTP. */
#ifndef SP_GATEWAY_CONTROL_HTTP_H
#define SP_GATEWAY_CONTROL_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct control_status;
struct event_base;

/* Connections, and descriptors beside them. */
#define CONTROL_HTTP_FILES (32 + LIMIT_WORKERS + 16)

/* `status` is what the supervisor told last, and lives as long as this process.
 * SP_ENOMEM. */
int control_http_init(struct event_base *base,
                      const struct control_status *status) SP_MUST_USE;

/* From the supervisor: MESSAGE_METRICS_PAGE, MESSAGE_METRICS_SERVE,
 * MESSAGE_STANDINGS and MESSAGE_LIST_AGES. Takes the descriptors. SP_EPROTO:
 * it is none of these, or malformed; SP_ENOMEM. */
int control_http_message(const uint8_t *data, size_t length, int *fds,
                         size_t nfds) SP_MUST_USE;

#endif
