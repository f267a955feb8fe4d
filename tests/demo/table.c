#include "demo/table.h"

#include <stdio.h>
#include <string.h>

#define BAR_WIDTH 20

static bool is_crowd(const json_t *vmi)
{
	return strncmp(api_text(vmi, "metadata.name"), CLUSTER_CROWD, strlen(CLUSTER_CROWD)) == 0;
}

static enum screen_style describe(const json_t *vmi, char *cid, size_t room)
{
	long long value = api_vmi_cid(vmi);

	if (value >= 0) {
		(void)snprintf(cid, room, "%lld", value);
		return SCREEN_GOOD;
	}
	(void)snprintf(cid, room, "%s", api_vmi_wants_vsock(vmi) ? "none yet" : "no vsock");
	return api_vmi_wants_vsock(vmi) ? SCREEN_WAIT : SCREEN_DIM;
}

static void draw_vmi(struct screen *s, const json_t *vmi)
{
	char cid[32];
	enum screen_style style = describe(vmi, cid, sizeof(cid));
	const char *phase = api_text(vmi, "status.phase");

	screen_row(s, style, "%-12s %-16s %-12s %12s", api_text(vmi, "metadata.namespace"),
		   api_text(vmi, "metadata.name"), phase[0] != '\0' ? phase : "-", cid);
}

/* The crowd of the namespace that the VMI at @first lives in, which is its first one. */
static void draw_crowd(struct cluster *c, size_t first)
{
	static const char bar[] = "####################";
	const char *ns = api_text(json_array_get(c->items, first), "metadata.namespace");
	size_t all = 0;
	size_t have = 0;
	int filled;

	_Static_assert(sizeof(bar) == BAR_WIDTH + 1, "the bar is as wide as it says");
	for (size_t i = first; i < json_array_size(c->items); i++) {
		const json_t *vmi = json_array_get(c->items, i);

		if (!is_crowd(vmi) || strcmp(api_text(vmi, "metadata.namespace"), ns) != 0)
			continue;
		all++;
		have += api_vmi_cid(vmi) >= 0;
	}
	filled = (int)(have * BAR_WIDTH / all);
	screen_row(&c->screen, have == all ? SCREEN_GOOD : SCREEN_WAIT,
		   "%-12s %-16s %-12s %3zu of %3zu  [%.*s%*s]", ns, CLUSTER_CROWD "...", "-", have, all,
		   filled, bar, BAR_WIDTH - filled, "");
}

static bool is_first_of_crowd(const struct cluster *c, size_t at)
{
	const json_t *vmi = json_array_get(c->items, at);

	if (!is_crowd(vmi))
		return false;
	for (size_t i = 0; i < at; i++)
		if (is_crowd(json_array_get(c->items, i)) &&
		    strcmp(api_text(json_array_get(c->items, i), "metadata.namespace"),
			   api_text(vmi, "metadata.namespace")) == 0)
			return false;
	return true;
}

struct rows {
	size_t room; /* for rows */
	size_t all;  /* what there is to show */
};

static bool has_room(struct rows *rows)
{
	return ++rows->all <= rows->room;
}

/* Those with a name of their own first. Lists come sorted by namespace and name. */
static void draw_rows(struct cluster *c, size_t room)
{
	struct rows rows = {.room = room};

	for (size_t i = 0; i < json_array_size(c->items); i++)
		if (!is_crowd(json_array_get(c->items, i)) && has_room(&rows))
			draw_vmi(&c->screen, json_array_get(c->items, i));
	for (size_t i = 0; i < json_array_size(c->items); i++)
		if (is_first_of_crowd(c, i) && has_room(&rows))
			draw_crowd(c, i);
	if (rows.all > room)
		screen_row(&c->screen, SCREEN_DIM, "... and %zu more lines", rows.all - room);
}

void table_draw(struct cluster *c)
{
	size_t rows = screen_rows(&c->screen);
	bool running = process_running(&c->process);

	screen_begin(&c->screen);
	screen_row(&c->screen, SCREEN_BOLD, "%-12s %-16s %-12s %12s", "NAMESPACE", "VMI", "PHASE", "CID");
	draw_rows(c, rows > 3 ? rows - 3 : 1);
	screen_row(&c->screen, SCREEN_DIM, "gate %s, controller %s, term %s: %zu want vsock, %zu have a CID",
		   c->gate ? "on" : "off", running ? "running" : "not running", c->term, c->tally.wants,
		   c->tally.have);
	screen_end(&c->screen);
}
