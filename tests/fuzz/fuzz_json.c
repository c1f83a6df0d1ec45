/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a body: read, and if they are right, rebuilt; what was rebuilt
 * is read again and must say the same.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json first, second;
    struct facts f = {0}, again = {0};
    struct buf out;

    if (size == 0)
        return 0;
    body_read(&first, (enum route)(data[0] % ROUTE_COUNT),
              (const char *)data + 1, size - 1, &f);
    if (f.fault != REASON_NONE)
        return 0;
    buf_init(&out, LIMIT_BODY_BYTES);
    if (body_rebuild(&first, f.model, &out) == 0) {
        body_read(&second, (enum route)(data[0] % ROUTE_COUNT),
                  (const char *)buf_bytes(&out), out.length, &again);
        if (again.fault != REASON_NONE || strcmp(f.model, again.model) != 0 ||
            f.stream != again.stream || f.max_tokens != again.max_tokens ||
            first.count != second.count || second.spaced)
            abort();
    }
    buf_release(&out);
    return 0;
}
