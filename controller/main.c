/* vsock-cid-controller: gives every KubeVirt VMI its VSOCK CID. Read controller.h next: it shows how the data
 * flows. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/version.h"
#include "controller/controller.h"

#define EXIT_USAGE 2

struct program {
	uv_loop_t loop;
	struct logger log;
	struct options options;
	struct kube_config config;
	struct controller *controller;
	uv_signal_t sigterm;
	uv_signal_t sigint;
	bool stopping;
	int status;
};

static void on_closed(void *data)
{
	struct program *p = data;

	p->controller = NULL;
	uv_close((uv_handle_t *)&p->sigterm, NULL);
	uv_close((uv_handle_t *)&p->sigint, NULL);
}

static void stop(struct program *p)
{
	p->stopping = true;
	controller_close(p->controller, on_closed, p);
}

/* SHD-2: the first signal ends in order, the second one at once. */
static void on_signal(uv_signal_t *handle, int signum)
{
	struct program *p = handle->data;

	if (p->stopping) {
		log_warning(&p->log, "signal %d again: ending at once", signum);
		_exit(EXIT_FAILURE);
	}
	log_info(&p->log, "signal %d: no new writes, waiting for those in flight", signum);
	stop(p);
}

static void on_failed(void *data, bool misconfigured)
{
	struct program *p = data;

	p->status = misconfigured ? EXIT_USAGE : EXIT_FAILURE;
	if (!p->stopping)
		stop(p);
}

static void watch_signals(struct program *p)
{
	(void)signal(SIGPIPE, SIG_IGN); /* T18: libcurl is told not to touch signals */
	(void)uv_signal_init(&p->loop, &p->sigterm);
	(void)uv_signal_init(&p->loop, &p->sigint);
	p->sigterm.data = p;
	p->sigint.data = p;
	(void)uv_signal_start(&p->sigterm, on_signal, SIGTERM);
	(void)uv_signal_start(&p->sigint, on_signal, SIGINT);
}

/* Runs until a signal or a failure ends the controller; returns the exit status. */
static int run(struct program *p)
{
	const struct controller_options options = {
		.loop = &p->loop,
		.options = &p->options,
		.config = &p->config,
		.log = &p->log,
		.failed = on_failed,
		.data = p,
	};
	struct error err = {0};

	(void)uv_loop_init(&p->loop);
	if (controller_open(&p->controller, &options, &err) != 0) {
		(void)fprintf(stderr, "vsock-cid-controller: %s\n", err.message);
		p->status = EXIT_USAGE;
	} else {
		watch_signals(p);
		log_info(&p->log, "version %s, %s, identity %s, port %u", version_text, p->config.source,
			 p->options.identity, (unsigned int)controller_port(p->controller));
	}
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&p->loop) != 0)
		log_error(&p->log, "a handle was left open");
	return p->status;
}

static int load_and_run(struct program *p)
{
	struct kube_config_sources sources;
	struct error err = {0};
	int status;

	log_init(&p->log, STDERR_FILENO, p->options.log_level, "vsock-cid-controller");
	kube_config_sources_from_env(&sources, p->options.kubeconfig, p->options.context);
	if (kube_config_load(&p->config, &sources, &err) != 0) {
		(void)fprintf(stderr, "vsock-cid-controller: %s\n", err.message);
		return EXIT_USAGE;
	}
	status = run(p);
	kube_config_free(&p->config);
	return status;
}

/* A descriptor 0, 1 or 2 that is closed would be given to the next pipe or socket, and the log would go
 * there. */
static bool open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

int main(int argc, char **argv)
{
	struct program p = {.status = EXIT_SUCCESS};
	struct error err = {0};
	int status;

	if (!open_standard_streams())
		return EXIT_FAILURE;
	switch (options_parse(&p.options, argc, argv, &err)) {
	case OPTIONS_HELP:
		options_print_help(stdout);
		return EXIT_SUCCESS;
	case OPTIONS_VERSION:
		options_print_version(stdout);
		return EXIT_SUCCESS;
	case OPTIONS_BAD:
		(void)fprintf(stderr, "vsock-cid-controller: %s\n", err.message);
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	status = load_and_run(&p);
	options_free(&p.options);
	return status;
}
