/**
 * list_options: the parameters of a list or watch, read and checked as the API server does (LST-3, LST-7,
 * LST-9, WCH-5).
 */
#ifndef APISIM_LIST_OPTIONS_H
#define APISIM_LIST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "apisim/continue_token.h"
#include "apisim/query.h"
#include "apisim/response.h"
#include "apisim/selector.h"

enum rv_match { RV_MATCH_UNSET, RV_MATCH_EXACT, RV_MATCH_NOT_OLDER };

struct list_options {
	bool watch;
	bool bookmarks;
	bool initial_events; /* sendInitialEvents, or a watch without a revision */
	bool wants_end_mark; /* the bookmark behind the initial events */
	bool has_rv;         /* resourceVersion is not "" */
	uint64_t rv;
	enum rv_match match;
	int64_t limit;     /* 0: none */
	int64_t timeout_s; /* 0: not said */
	bool has_continue;
	struct continue_token from;
	struct selector selector;
};

/** Reads @q for @r. @watch: the path says so already. Returns 0, or -EINVAL with the answer in @response. In
 * both cases list_options_free() is due. */
int list_options_read(struct list_options *o, const struct query *q, const struct resource *r, bool watch,
		      struct response *response);
void list_options_free(struct list_options *o);

/** A revision as the API server reads it; false where it is no number. */
bool list_options_parse_rv(const char *text, uint64_t *out);

#endif
