#include "apisim/list_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

bool list_options_parse_rv(const char *text, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

/* An int64 parameter. */
static int read_int(const struct query *q, const char *key, int64_t *out, struct response *response)
{
	const char *text = query_get(q, key);
	char *end;

	*out = 0;
	if (text == NULL || *text == '\0')
		return 0;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (*end == '\0' && errno == 0 && strspn(text, "+-0123456789") == strlen(text))
		return 0;
	status_bad_request(response, "strconv.ParseInt: parsing \"%s\": %s", text,
			   errno != 0 ? "value out of range" : "invalid syntax");
	return -EINVAL;
}

#define MATCH "resourceVersionMatch"

static void check_list(const struct query *q, struct field_errors *e)
{
	const char *match = query_text(q, MATCH);
	const char *rv = query_text(q, "resourceVersion");
	bool exact = strcmp(match, "Exact") == 0;

	if (match[0] != '\0') {
		if (rv[0] == '\0')
			field_errors_add(e, FIELD_FORBIDDEN, MATCH,
					 MATCH " is forbidden unless resourceVersion is provided");
		if (query_text(q, "continue")[0] != '\0')
			field_errors_add(e, FIELD_FORBIDDEN, MATCH,
					 MATCH " is forbidden when continue is provided");
		if (!exact && strcmp(match, "NotOlderThan") != 0)
			field_errors_add(e, FIELD_UNSUPPORTED, MATCH,
					 "\"%s\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
					 match);
		if (exact && strcmp(rv, "0") == 0)
			field_errors_add(e, FIELD_FORBIDDEN, MATCH,
					 MATCH " \"exact\" is forbidden for resourceVersion \"0\"");
	}
	if (query_get(q, "sendInitialEvents") != NULL)
		field_errors_add(e, FIELD_FORBIDDEN, "sendInitialEvents",
				 "sendInitialEvents is forbidden for list");
}

static void check_watch(const struct query *q, struct field_errors *e)
{
	const char *match = query_text(q, MATCH);
	bool not_older = strcmp(match, "NotOlderThan") == 0;
	bool initial = query_get(q, "sendInitialEvents") != NULL;

	if (initial && !not_older)
		field_errors_add(e, FIELD_FORBIDDEN, MATCH,
				 "sendInitialEvents requires setting " MATCH " to NotOlderThan");
	if (match[0] == '\0')
		return;
	if (!initial)
		field_errors_add(e, FIELD_FORBIDDEN, MATCH,
				 MATCH " is forbidden for watch unless sendInitialEvents is provided");
	if (!not_older)
		field_errors_add(e, FIELD_UNSUPPORTED, MATCH, "\"%s\": supported values: \"NotOlderThan\"",
				 match);
	if (query_text(q, "continue")[0] != '\0')
		field_errors_add(e, FIELD_FORBIDDEN, MATCH, MATCH " is forbidden when continue is provided");
}

static int check(const struct list_options *o, const struct query *q, struct response *response)
{
	struct field_errors e = {.count = 0};
	int rc = 0;

	if (o->watch)
		check_watch(q, &e);
	else
		check_list(q, &e);
	if (e.count > 0) {
		status_invalid(response, "meta.k8s.io", "ListOptions", "", &e);
		rc = -EINVAL;
	}
	field_errors_free(&e);
	return rc;
}

static int read_selector(struct list_options *o, const struct query *q, const struct resource *r,
			 struct response *response)
{
	struct buf why;
	int rc;

	must_buf(&why);
	rc = selector_parse(&o->selector, r, query_text(q, "labelSelector"), query_text(q, "fieldSelector"),
			    &why);
	if (rc != 0)
		status_bad_request(response, "%s", buf_str(&why));
	buf_free(&why);
	return rc;
}

static int read_continue(struct list_options *o, const struct query *q, struct response *response)
{
	const char *text = query_text(q, "continue");
	const char *rv = query_text(q, "resourceVersion");
	struct buf why;
	int rc;

	if (text[0] == '\0' || o->watch)
		return 0;
	must_buf(&why);
	o->has_continue = true;
	rc = continue_token_read(text, &o->from, &why);
	if (rc != 0) {
		status_bad_request(response, "%s", buf_str(&why));
	} else if (rv[0] != '\0' && strcmp(rv, "0") != 0) {
		status_bad_request(response,
				   "specifying resource version is not allowed when using continue");
		rc = -EINVAL;
	}
	buf_free(&why);
	return rc;
}

static int read_rv(struct list_options *o, const struct query *q, struct response *response)
{
	const char *text = query_text(q, "resourceVersion");
	const char *match = query_text(q, MATCH);

	if (strcmp(match, "Exact") == 0)
		o->match = RV_MATCH_EXACT;
	else if (match[0] != '\0')
		o->match = RV_MATCH_NOT_OLDER;
	if (text[0] == '\0')
		return 0;
	o->has_rv = true;
	if (list_options_parse_rv(text, &o->rv))
		return 0;
	if (o->watch)
		status_internal(response,
				"resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing \"%s\": "
				"invalid syntax",
				text, text);
	else
		status_bad_request(response,
				   "invalid resource version: resourceVersion: Invalid value: \"%s\": "
				   "strconv.ParseUint: parsing \"%s\": invalid syntax",
				   text, text);
	return -EINVAL;
}

int list_options_read(struct list_options *o, const struct query *q, const struct resource *r, bool watch,
		      struct response *response)
{
	const char *rv = query_text(q, "resourceVersion");
	bool unset = rv[0] == '\0' || strcmp(rv, "0") == 0;
	int rc;

	*o = (struct list_options){.watch = watch || query_true(q, "watch")};
	must_buf(&o->from.start);
	rc = read_int(q, "limit", &o->limit, response);
	if (rc == 0)
		rc = read_int(q, "timeoutSeconds", &o->timeout_s, response);
	if (rc == 0)
		rc = check(o, q, response);
	if (rc == 0)
		rc = read_selector(o, q, r, response);
	if (rc == 0)
		rc = read_rv(o, q, response);
	if (rc == 0)
		rc = read_continue(o, q, response);
	if (o->limit < 0)
		o->limit = 0;
	o->bookmarks = query_true(q, "allowWatchBookmarks");
	/* LST-14: a watch without a revision gets the initial events; the mark behind them only who can read
	 * it. */
	if (query_get(q, "sendInitialEvents") != NULL)
		o->initial_events = query_true(q, "sendInitialEvents");
	else
		o->initial_events = o->watch && unset;
	o->wants_end_mark = o->initial_events && o->bookmarks;
	return rc;
}

void list_options_free(struct list_options *o)
{
	selector_free(&o->selector);
	buf_free(&o->from.start);
}
