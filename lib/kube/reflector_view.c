#include "kube/reflector_view.h"

#include <stdio.h>

/* Moves to @to, a state without a view. Returns the level at which to say so. */
static enum log_level view_lose(struct reflector_view *v, enum reflector_view_state to, uint64_t now_ms,
				enum log_level level)
{
	bool quiet = v->ever_told && now_ms - v->told_ms < REFLECTOR_VIEW_QUIET_MS;

	if (v->state != to) {
		v->state = to;
		v->told = false;
	}
	if (v->told || quiet)
		return LOG_LEVEL_DEBUG;
	v->told = true;
	v->ever_told = true;
	v->told_ms = now_ms;
	return level;
}

void reflector_view_init(struct reflector_view *v, struct logger *log, const char *resource,
			 const char *group, const char *name)
{
	*v = (struct reflector_view){.log = log};
	(void)snprintf(v->title, sizeof(v->title), "%s%s%s%s%s", resource, group[0] != '\0' ? "." : "", group,
		       name != NULL ? " " : "", name != NULL ? name : "");
}

void reflector_view_absent(struct reflector_view *v, const struct error *why, uint64_t now_ms)
{
	enum log_level level = view_lose(v, VIEW_ABSENT, now_ms, LOG_LEVEL_INFO);

	log_failure(v->log, level, why, "%s: not served by the API server, waiting for it", v->title);
}

void reflector_view_broken(struct reflector_view *v, const struct error *why, uint64_t now_ms)
{
	enum log_level level = view_lose(v, VIEW_BROKEN, now_ms, LOG_LEVEL_WARNING);

	log_failure(v->log, level, why, "%s: %s", v->title,
		    v->synced ? "view interrupted" : "cannot be listed yet");
}

void reflector_view_listed(struct reflector_view *v, const char *version, size_t count, const char *rv)
{
	bool tell = !v->synced || (v->state != VIEW_LIVE && v->told);

	log_write(v->log, tell ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, __FILE__, __LINE__, NULL, NULL,
		  "%s/%s: %s: %zu objects at resourceVersion %s", v->title, version,
		  v->synced ? "view restored by a new list" : "synced", count, rv);
	v->state = VIEW_LIVE;
	v->synced = true;
	v->told = false;
}

void reflector_view_watching(struct reflector_view *v, const char *rv)
{
	if (v->state == VIEW_LIVE)
		return;
	log_write(v->log, v->told ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, __FILE__, __LINE__, NULL, NULL,
		  "%s: view restored: the watch goes on at resourceVersion %s", v->title, rv);
	v->state = VIEW_LIVE;
	v->told = false;
}
