#include "controller/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "controller/option_rule.h"

/* 1,024 entries of two numbers each. */
#define TEXT_MAX 32768

/* ---- what they mean ---- */

/* The first CID of part @index. */
static uint32_t part_start(const struct settings_values *v, uint32_t index)
{
	uint64_t count = (uint64_t)v->cid_max - v->cid_min + 1;

	return (uint32_t)(v->cid_min + count * index / v->cluster_count);
}

static int check(const struct settings_values *v, struct error *err)
{
	if (v->cid_min > v->cid_max)
		return error_set(err, -EINVAL, "cid-min %u is above cid-max %u", v->cid_min, v->cid_max);
	if (v->cid_max - v->cid_min < SETTINGS_MIN_CIDS - 1)
		return error_set(err, -EINVAL,
				 "cid-min %u and cid-max %u: fewer than %u CIDs, too few to be given safely",
				 v->cid_min, v->cid_max, SETTINGS_MIN_CIDS);
	if (v->cluster_count > 1 && v->cluster_number == 0)
		return error_set(err, -EINVAL,
				 "cluster-count %u needs cluster-index: which of the parts is this cluster's",
				 v->cluster_count);
	if (v->cluster_number > v->cluster_count)
		return error_set(err, -EINVAL, "cluster-index %u is not below cluster-count %u",
				 v->cluster_number - 1, v->cluster_count);
	if (((uint64_t)v->cid_max - v->cid_min + 1) / v->cluster_count < SETTINGS_MIN_CIDS)
		return error_set(
			err, -EINVAL,
			"cluster-count %u: fewer than %u of the CIDs %u-%u for each cluster, too few to be "
			"given safely",
			v->cluster_count, SETTINGS_MIN_CIDS, v->cid_min, v->cid_max);
	return 0;
}

int settings_resolve(struct settings *out, const struct settings_values *v, struct error *err)
{
	uint32_t index = v->cluster_number > 0 ? v->cluster_number - 1 : 0;
	struct settings s = {.quarantine_ms = v->quarantine_ms, .writes_in_flight = v->writes_in_flight};
	int rc = check(v, err);

	if (rc != 0)
		return rc;
	rc = cid_range_init(&s.cids, part_start(v, index), part_start(v, index + 1) - 1, v->excluded.spans,
			    v->excluded.count, err);
	if (rc != 0)
		return error_wrap(err, rc, "exclude-cids");
	*out = s;
	return 0;
}

void settings_free(struct settings *s)
{
	cid_range_free(&s->cids);
}

/* ---- one by one ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes white space off both ends of @text, and makes one comma of each of the gaps that are left. */
static int tidy(struct buf *out, const char *text)
{
	int rc = 0;

	while (is_space(*text))
		text++;
	while (*text != '\0' && rc == 0) {
		bool gap = is_space(*text);

		while (is_space(*text))
			text++;
		if (!gap)
			rc = buf_add(out, text++, 1);
		else if (*text != '\0' && *text != ',' && buf_str(out)[out->len - 1] != ',')
			rc = buf_add(out, ",", 1);
	}
	return rc;
}

int settings_set(struct settings_values *v, const char *key, const char *text, struct error *err)
{
	const struct option_rule *rule = option_rule_find(key, strlen(key));
	AUTO_BUF struct buf tidied = {.max = TEXT_MAX};
	int rc;

	if (rule == NULL || !rule->live)
		return error_set(err, -EINVAL, "%s: there is no such setting", option_show(key).text);
	rc = tidy(&tidied, text);
	if (rc == -ENOMEM)
		return error_errno(err, rc, "settings");
	if (rc != 0)
		return error_set(err, -EINVAL, "%s: longer than %d bytes", key, TEXT_MAX);
	if (&v->excluded == (void *)((char *)v + rule->offset)) {
		v->excluded.count = 0;
		if (tidied.len == 0)
			return 0;
	}
	rc = rule->set((char *)v + rule->offset, rule, buf_str(&tidied), err);
	return rc == 0 ? 0 : error_wrap(err, rc, "%s", key);
}

int settings_set_all(struct settings_values *v, const json_t *data, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)data, key, value)
	{
		int rc;

		if (!json_is_string(value))
			return error_set(err, -EINVAL, "%s: it is no text", option_show(key).text);
		rc = settings_set(v, key, json_string_value(value), err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- comparing and telling ---- */

bool settings_equal(const struct settings *x, const struct settings *y)
{
	return x->quarantine_ms == y->quarantine_ms && x->writes_in_flight == y->writes_in_flight &&
	       cid_range_equal(&x->cids, &y->cids);
}

int settings_describe(const struct settings *s, struct buf *out)
{
	int rc = buf_printf(out, "CIDs %" PRIu32 "-%" PRIu32, s->cids.min, s->cids.max);

	if (rc == 0 && s->cids.excluded_count > 0)
		rc = buf_printf(out, " without %" PRIu64 " excluded ones",
				cid_range_excluded_within(&s->cids, s->cids.min, s->cids.max));
	if (rc == 0 && cid_range_size(&s->cids) < SETTINGS_MIN_CIDS)
		rc = buf_add_str(out, " (so few that chance alone keeps two leaders apart)");
	return rc == 0 ? buf_printf(out, ", quarantine %" PRIu32 " ms, %" PRIu32 " writes in flight",
				    s->quarantine_ms, s->writes_in_flight)
		       : rc;
}
