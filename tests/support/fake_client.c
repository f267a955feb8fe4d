#include "support/fake_client.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>

#include "support/loop.h"

void fake_client_open(struct fake_client *f, fake_server_handler handler, void *data)
{
	struct kube_config config = {0};
	char url[64];

	(void)signal(SIGPIPE, SIG_IGN);
	log_init(&f->silent, -1, LOG_LEVEL_INFO, "test");
	rng_init_seeded(&f->rng, 1);
	f->closed = 0;
	ck_assert_int_eq(uv_loop_init(&f->loop), 0);
	f->server = fake_server_open(&f->loop, handler, data);
	(void)snprintf(url, sizeof(url), "%s", fake_server_url(f->server));
	config.server = url;
	ck_assert_int_eq(kube_client_open(&f->client,
					  &(struct kube_client_options){.loop = &f->loop,
									.config = &config,
									.user_agent = "t/1",
									.log = &f->silent},
					  NULL),
			 0);
}

void fake_client_on_closed(void *data)
{
	struct fake_client *f = data;

	f->closed++;
}

void fake_client_close(struct fake_client *f, unsigned int parts)
{
	LOOP_UNTIL(&f->loop, f->closed == parts);
	kube_client_close(f->client, fake_client_on_closed, f);
	fake_server_close(f->server, fake_client_on_closed, f);
	LOOP_UNTIL(&f->loop, f->closed == parts + 2);
	loop_assert_drained(&f->loop);
}
