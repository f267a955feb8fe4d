#include "controller/plugin/pages.h"

#include <errno.h>

#include "base/hash.h"

int pages_go_on(struct pages *p, const char *token, struct error *err)
{
	uint64_t hash = hash_str(0, token);

	p->count++;
	if (p->count == PAGES_MAX || (p->count > 1 && hash == p->token))
		return error_set(err, -EPROTO, "the server's list does not come to its end");
	p->token = hash;
	return 0;
}
