#include "controller/plugin/said.h"

#include <stdio.h>
#include <string.h>

#define MODE "mode "

const char *said_by_name(enum said_by by)
{
	static const char *const names[] = {[SAID_BY_NOBODY] = "none",
					    [SAID_BY_ARGUMENTS] = "arguments",
					    [SAID_BY_EVENT] = "event",
					    [SAID_BY_POD] = "pod"};

	return names[by];
}

const char *said_source(const struct said *said, char out[static SAID_SOURCE_SIZE])
{
	out[0] = '\0';
	if (said->by == SAID_BY_POD)
		(void)snprintf(out, SAID_SOURCE_SIZE, " (pod %s says so)", said->source);
	else if (said->by == SAID_BY_EVENT)
		(void)snprintf(out, SAID_SOURCE_SIZE, " (its event of %s)", said->source);
	return out;
}

static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

bool said_read(struct said *out, enum said_by by, const char *source, const char *text)
{
	const char *name = after(text, MODE);

	for (int i = 0; name != NULL && i < MODE_COUNT; i++) {
		const char *reason = after(name, mode_name((enum mode)i));

		reason = reason != NULL ? after(reason, ": ") : NULL;
		if (reason == NULL)
			continue;
		*out = (struct said){.by = by, .mode = (enum mode)i};
		(void)snprintf(out->reason, sizeof(out->reason), "%.*s", (int)strcspn(reason, "\n"), reason);
		(void)snprintf(out->text, sizeof(out->text), MODE "%s: %s", mode_name(out->mode),
			       out->reason);
		(void)snprintf(out->source, sizeof(out->source), "%s", source);
		return true;
	}
	return false;
}

const char *said_line(const char *body, const char *word)
{
	for (const char *line = body; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (after(line, word) != NULL)
			return line;
	}
	return NULL;
}

bool said_read_pod(struct said *out, const char *pod, const char *body, bool ready, bool *leads)
{
	const char *mode = said_line(body, MODE);
	struct said said;

	*leads = said_line(body, "leading") != NULL;
	if (mode == NULL || !said_read(&said, SAID_BY_POD, pod, mode) ||
	    (!*leads && (!ready || said.mode != MODE_OBSERVE || out->by == SAID_BY_POD)))
		return false;
	*out = said;
	return true;
}
