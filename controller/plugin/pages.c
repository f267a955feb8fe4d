#include "controller/plugin/pages.h"

#include <errno.h>

/* FNV-1a */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	return hash;
}

int pages_go_on(struct pages *p, const char *token, struct error *err)
{
	uint64_t hash = hash_of(token);

	p->count++;
	if (p->count == PAGES_MAX || (p->count > 1 && hash == p->token))
		return error_set(err, -EPROTO, "the server's list does not come to its end");
	p->token = hash;
	return 0;
}
