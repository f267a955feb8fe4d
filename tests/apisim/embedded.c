#include "apisim/embedded.h"

#include <stdio.h>
#include <stdlib.h>

#include "apisim/apisim.h"
#include "apisim/must.h"
#include "base/macros.h"

struct apisim_embedded {
	struct apisim sim;
	char url[64];
	void (*cb)(void *data);
	void *data;
};

struct apisim_embedded *apisim_embedded_open(uv_loop_t *loop)
{
	struct apisim_embedded *s = must_alloc(sizeof(*s));
	struct apisim_options options;
	struct error err;

	apisim_options_init(&options);
	if (apisim_init(&s->sim, loop, &options, &err) != 0) {
		fprintf(stderr, "apisim: %s\n", err.message);
		abort();
	}
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", apisim_port(&s->sim));
	return s;
}

const char *apisim_embedded_url(const struct apisim_embedded *s)
{
	return s->url;
}

static void on_closed(struct apisim *sim)
{
	struct apisim_embedded *s = container_of(sim, struct apisim_embedded, sim);

	s->cb(s->data);
	free(s);
}

void apisim_embedded_close(struct apisim_embedded *s, void (*cb)(void *data), void *data)
{
	s->cb = cb;
	s->data = data;
	apisim_close(&s->sim, on_closed);
}
