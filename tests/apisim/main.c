/* The program: options, a loop, the server. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/apisim.h"

struct program {
	struct apisim sim;
	struct apisim_options options;
	const char *kubeconfig;
	const char *port_file;
	uv_signal_t signals[2];
};

static const char usage[] =
	"usage: apisim [options]\n"
	"  --port N             listen on 127.0.0.1:N (default 0: any free port)\n"
	"  --port-file FILE     write the port there once it listens\n"
	"  --kubeconfig FILE    write a kubeconfig for this server\n"
	"  --token TOKEN        demand this bearer token (default: none)\n"
	"  --history N          events that each resource keeps for watches (default 100000)\n"
	"  --watch-lag N        events that a watch may be behind (default 10000)\n"
	"  --bookmark-ms N      between bookmarks (default 60000)\n"
	"  --rv-wait-ms N       how long a list waits for a revision from the future (default 3000)\n"
	"  --compact-ms N       interval of the compaction that lets old lists expire (default 300000)\n"
	"  --seed N             of random faults, names and uids (default 1)\n"
	"  --no-watch-list      refuse sendInitialEvents, as a server without streaming lists\n"
	"  --help\n"
	"The port is printed on stdout. README.md says what the server can, faults.md how to make it fail.\n";

static unsigned long long option_number(const char *name, const char *text, unsigned long long max)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || value > max) {
		fprintf(stderr, "apisim: --%s: not a number up to %llu: %s\n", name, max, text);
		exit(2);
	}
	return value;
}

static void read_options(struct program *p, int argc, char **argv)
{
	static const struct option table[] = {
		{"port", required_argument, NULL, 'p'},
		{"port-file", required_argument, NULL, 'f'},
		{"kubeconfig", required_argument, NULL, 'k'},
		{"token", required_argument, NULL, 't'},
		{"history", required_argument, NULL, 'h'},
		{"watch-lag", required_argument, NULL, 'l'},
		{"bookmark-ms", required_argument, NULL, 'b'},
		{"rv-wait-ms", required_argument, NULL, 'r'},
		{"compact-ms", required_argument, NULL, 'c'},
		{"seed", required_argument, NULL, 's'},
		{"no-watch-list", no_argument, NULL, 'w'},
		{"help", no_argument, NULL, '?' + 1},
		{NULL, 0, NULL, 0},
	};
	struct apisim_options *o = &p->options;
	int index = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", table, &index)) != -1) {
		const char *name = table[index].name;

		if (c == 'p')
			o->port = (int)option_number(name, optarg, 65535);
		else if (c == 'f')
			p->port_file = optarg;
		else if (c == 'k')
			p->kubeconfig = optarg;
		else if (c == 't')
			o->token = optarg;
		else if (c == 'h')
			o->history_count = (size_t)option_number(name, optarg, 100000000);
		else if (c == 'l')
			o->watch_lag = (size_t)option_number(name, optarg, 100000000);
		else if (c == 'b')
			o->bookmark_ms = (uint32_t)option_number(name, optarg, 86400000);
		else if (c == 'r')
			o->rv_wait_ms = (uint32_t)option_number(name, optarg, 86400000);
		else if (c == 'c')
			o->compact_ms = (uint32_t)option_number(name, optarg, 86400000);
		else if (c == 's')
			o->seed = option_number(name, optarg, UINT64_MAX);
		else if (c == 'w')
			o->no_watch_list = true;
		else if (c == '?' + 1)
			exit(fputs(usage, stdout) < 0);
		else
			exit(2);
	}
	if (optind < argc) {
		fprintf(stderr, "apisim: unexpected argument: %s\n", argv[optind]);
		exit(2);
	}
}

/* Under another name first: who waits for the file must find it whole. */
static int write_file(const char *path, const char *text)
{
	char part[4096];
	FILE *f;
	int rc;

	(void)snprintf(part, sizeof(part), "%s.part", path);
	f = fopen(part, "w");
	if (f == NULL)
		return -errno;
	rc = fputs(text, f) < 0 ? -EIO : 0;
	if (fclose(f) != 0)
		rc = -EIO;
	if (rc == 0 && rename(part, path) != 0)
		rc = -errno;
	return rc;
}

static int write_kubeconfig(const struct program *p)
{
	const char *token = p->options.token;
	char text[2048];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\n"
		       "kind: Config\n"
		       "current-context: apisim\n"
		       "clusters:\n"
		       "- name: apisim\n"
		       "  cluster:\n"
		       "    server: http://127.0.0.1:%d\n"
		       "contexts:\n"
		       "- name: apisim\n"
		       "  context: {cluster: apisim, user: apisim}\n"
		       "users:\n"
		       "- name: apisim\n"
		       "  user: {%s%s}\n",
		       apisim_port(&p->sim), token != NULL ? "token: " : "", token != NULL ? token : "");
	return write_file(p->kubeconfig, text);
}

static int announce(const struct program *p)
{
	char port[16];
	int rc = 0;

	(void)snprintf(port, sizeof(port), "%d\n", apisim_port(&p->sim));
	if (p->kubeconfig != NULL)
		rc = write_kubeconfig(p);
	if (rc != 0)
		fprintf(stderr, "apisim: %s: %s\n", p->kubeconfig, strerror(-rc));
	if (rc == 0 && p->port_file != NULL) {
		rc = write_file(p->port_file, port);
		if (rc != 0)
			fprintf(stderr, "apisim: %s: %s\n", p->port_file, strerror(-rc));
	}
	(void)fputs(port, stdout);
	(void)fflush(stdout);
	return rc;
}

static void on_closed(struct apisim *s)
{
	(void)s;
}

static void stop(struct program *p)
{
	for (size_t i = 0; i < ARRAY_LEN(p->signals); i++)
		if (!uv_is_closing((uv_handle_t *)&p->signals[i]))
			uv_close((uv_handle_t *)&p->signals[i], NULL);
	apisim_close(&p->sim, on_closed);
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	stop(handle->data);
}

int main(int argc, char **argv)
{
	static const int numbers[] = {SIGTERM, SIGINT};
	static struct program p;
	uv_loop_t *loop = uv_default_loop();
	struct error err;
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	apisim_options_init(&p.options);
	read_options(&p, argc, argv);
	if (apisim_init(&p.sim, loop, &p.options, &err) != 0) {
		fprintf(stderr, "apisim: %s\n", err.message);
		(void)uv_run(loop, UV_RUN_DEFAULT);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		(void)uv_signal_init(loop, &p.signals[i]);
		p.signals[i].data = &p;
		(void)uv_signal_start(&p.signals[i], on_signal, numbers[i]);
	}
	rc = announce(&p);
	if (rc != 0)
		stop(&p);
	(void)uv_run(loop, UV_RUN_DEFAULT);
	if (uv_loop_close(loop) != 0) {
		fputs("apisim: handles are still open\n", stderr);
		return 1;
	}
	return rc != 0;
}
