/**
 * scrape: reads the metrics and probes of a controller, as Prometheus and the kubelet do: over HTTPS, without
 * verifying the certificate, which the controller made itself.
 */
#ifndef E2E_SCRAPE_H
#define E2E_SCRAPE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define SCRAPE_MAX ((size_t)16 << 20)

/** GET https://127.0.0.1:@port@path into @body (which is reset first). Returns the HTTP code or -EIO. */
int scrape_get(uint16_t port, const char *path, struct buf *body, struct error *err);

/** The value of @sample (name with labels, as it stands in the text) of /metrics. Returns 0, -EIO, -ENOENT.
 */
int scrape_metric(uint16_t port, const char *sample, double *value, struct error *err);

#endif
