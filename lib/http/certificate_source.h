/**
 * certificate_source: the pair that new TLS sessions get, from two files or made here.
 *
 * Files are read whole and compared with what was read last, since neither inotify nor a file's dates show
 * every way in which Kubernetes swaps them (HLT-8). The two are not swapped in one step: a pair that does not
 * fit together is told about once and tried again when one of them changes; until then the old pair serves. A
 * pair made here is replaced when a third of its life is left. Single thread; reads the files on the caller's
 * thread.
 */
#ifndef HTTP_CERTIFICATE_SOURCE_H
#define HTTP_CERTIFICATE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "http/certificate.h"

/** Largest file. */
#define CERTIFICATE_SOURCE_MAX_FILE ((size_t)256 << 10)

#define CERTIFICATE_SOURCE_DIGEST_SIZE 32

struct certificate_source {
	struct logger *log;
	char *cert_file; /* NULL: made here */
	char *key_file;
	uint32_t lifetime_s;                                 /* of what is made here */
	struct certificate *current;                         /* never NULL */
	unsigned char tried[CERTIFICATE_SOURCE_DIGEST_SIZE]; /* what the last attempt found */
};

/** Reads, or makes, the first pair. @cert_file and @key_file: both or neither; copied. @log is borrowed. On
 * success @s must be given to certificate_source_close(); on failure it is unchanged. Returns 0 or a negative
 * errno with err: of open() and read(), -EINVAL (unusable pair), -ENOMEM. */
int certificate_source_open(struct certificate_source *s, struct logger *log, const char *cert_file,
			    const char *key_file, uint32_t lifetime_s, struct error *err);

/** Looks again. A failure is logged, once for each change, and leaves current as it is. */
void certificate_source_refresh(struct certificate_source *s);

void certificate_source_close(struct certificate_source *s);

#endif
