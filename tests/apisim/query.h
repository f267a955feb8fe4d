/**
 * query: the parameters behind the question mark of a request.
 */
#ifndef APISIM_QUERY_H
#define APISIM_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#define QUERY_MAX 32

struct query {
	char *text; /* decoded in place; keys and values point into it */
	struct {
		const char *key;
		const char *value;
	} params[QUERY_MAX];
	size_t count;
};

/** Parses "a=b&c=d"; parameters over QUERY_MAX are dropped. Free with query_free(). */
void query_parse(struct query *q, const char *text, size_t len);
void query_free(struct query *q);

/** The first value of @key, NULL where there is none. */
const char *query_get(const struct query *q, const char *key);

/** "" and absent are the same here. */
const char *query_text(const struct query *q, const char *key);

/** As the API server reads booleans: absent, "false" and "0" are false, anything else is true. */
bool query_true(const struct query *q, const char *key);

/** Decodes %XX in place; @plus: and + as space. Returns the new length, or -1 where a % is wrong. */
long query_decode(char *text, size_t len, bool plus);

#endif
