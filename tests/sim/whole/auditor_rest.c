/* The end of a run: is all as it should be? See auditor.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/whole/world.h"

static bool says(struct process *p, const char *path, int status, const char *word)
{
	AUTO_BUF struct buf body = {.max = 65536};

	return process_probe(p, path, &body) == status && strstr(buf_str(&body), word) != NULL;
}

/* So many CIDs at most are in use, or rest, at the end of a run. */
#define MANY_CIDS 4096

static uint64_t metric(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line != NULL ? (uint64_t)strtod(line + strlen(name), NULL) : 0;
}

/* The settings of the ConfigMap are in force: the range tells, by its size. */
static bool has_settings(struct process *p)
{
	AUTO_BUF struct buf body = {.max = 65536};
	const struct world *w = p->world;
	uint64_t size = cid_range_size(w->is_narrow ? &w->narrow : &w->range);
	uint64_t available;

	if (process_probe(p, "/metrics", &body) != 200)
		return false;
	available = metric(buf_str(&body), "\nkubevirt_vsock_cids_available ");
	return available <= size && available + MANY_CIDS >= size &&
	       metric(buf_str(&body), "\nkubevirt_vsock_settings_refused_status ") == 0;
}

/* Everything here is asked of the processes themselves, as kubelet and people do. */
static bool processes_are_well(struct world *w, const char **why)
{
	const struct process *leader = NULL;

	for (uint32_t i = 0; i < w->profile.processes; i++) {
		struct process *p = &w->processes[i];

		*why = "a process does not run";
		if (!process_runs(p) || p->ending)
			return false;
		*why = "a process is not ready";
		if (!says(p, "/readyz", 200, ""))
			return false;
		*why = "a process goes by other settings";
		if (!has_settings(p))
			return false;
		if (!says(p, "/leader", 200, "\"true\""))
			continue;
		*why = "there are two leaders";
		if (leader != NULL)
			return false;
		leader = p;
	}
	*why = "nobody leads";
	if (leader == NULL)
		return false;
	*why = "the Lease names another one than the leader";
	return w->auditor.lease.exists && strcmp(w->auditor.lease.holder, leader->identity) == 0;
}

static bool has_own_cid(const struct world *w, const struct book *b)
{
	if (!b->has_cid || !cid_range_contains(w->is_narrow ? &w->narrow : &w->range, b->cid))
		return false;
	for (int i = 0; i < AUDITOR_BOOKS; i++) {
		const struct book *other = &w->auditor.books[i];

		if (other != b && other->name[0] != '\0' && other->has_cid && other->cid == b->cid)
			return false;
	}
	return true;
}

/* A VMI that waits for its CID, or has one that is no good. */
static bool is_needy(const struct world *w, const struct book *b)
{
	return b->name[0] != '\0' && b->wants && !b->started && !b->deleting && !has_own_cid(w, b);
}

bool auditor_is_settled(struct world *w, const char **why)
{
	if (!processes_are_well(w, why))
		return false;
	*why = "a VMI has no CID of its own";
	for (int i = 0; i < AUDITOR_BOOKS && w->cluster.gate_open; i++)
		if (is_needy(w, &w->auditor.books[i]))
			return false;
	return true;
}
