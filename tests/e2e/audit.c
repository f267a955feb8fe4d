/* audit: reads all VMIs from the API and says what is wrong with their CIDs. The exit code is 1 where
 * something is. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "e2e/tally.h"
#include "support/api_vmi.h"

#define EXIT_USAGE 2

static const char usage[] = "usage: audit [--json] [--min CID] [--max CID] [KUBECONFIG]\n\n"
			    "  --json      one JSON object instead of lines\n"
			    "  --min, --max  the range of valid CIDs (default 3 to 2147483647)\n"
			    "  KUBECONFIG  default $KUBECONFIG\n";

struct request {
	bool json;
	struct tally_range range;
	const char *kubeconfig;
};

static bool read_number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	*out = (uint32_t)value;
	return *text >= '0' && *text <= '9' && *end == '\0' && value <= UINT32_MAX;
}

static bool read_options(struct request *r, int argc, char **argv)
{
	static const struct option table[] = {
		{"json", no_argument, NULL, 'j'},
		{"min", required_argument, NULL, 'm'},
		{"max", required_argument, NULL, 'M'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*r = (struct request){.range = TALLY_DEFAULT_RANGE};
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'j')
			r->json = true;
		else if (c == 'm' && read_number(optarg, &r->range.min))
			continue;
		else if (c == 'M' && read_number(optarg, &r->range.max))
			continue;
		else
			return false;
	}
	if (optind < argc)
		r->kubeconfig = argv[optind++];
	return optind == argc;
}

static void print_lines(const struct tally *t)
{
	for (size_t i = 0; i < json_array_size(t->findings); i++) {
		const json_t *f = json_array_get(t->findings, i);
		char *cid = json_dumps(json_object_get(f, "cid"), JSON_ENCODE_ANY);

		printf("%-10s %s/%s CID %s\n", api_text(f, "finding"), api_text(f, "namespace"),
		       api_text(f, "name"), cid != NULL ? cid : "?");
		free(cid);
	}
	printf("audit: %zu VMIs, %zu want vsock, %zu have a valid CID, %zu missing, %zu missed, %zu CIDs, "
	       "%zu duplicates, %zu invalid, %zu outside the range\n",
	       t->vmis, t->wants, t->have, t->missing, t->missed, t->cids, t->duplicates, t->invalid,
	       t->outside);
}

static void print_json(const struct tally *t)
{
	json_t *out =
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "vmis", (json_int_t)t->vmis,
			  "wants", (json_int_t)t->wants, "have", (json_int_t)t->have, "missing",
			  (json_int_t)t->missing, "missed", (json_int_t)t->missed, "cids",
			  (json_int_t)t->cids, "duplicates", (json_int_t)t->duplicates, "invalid",
			  (json_int_t)t->invalid, "outside", (json_int_t)t->outside, "findings", t->findings);

	(void)json_dumpf(out, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(out);
}

/* Returns the exit code. */
static int audit(const struct request *r, struct api *api)
{
	struct error err = {0};
	struct tally t;
	json_t *items;
	bool clean;

	if (api_vmi_list(api, &items, &err) != 0) {
		(void)fprintf(stderr, "audit: %s\n", err.message);
		return EXIT_USAGE;
	}
	clean = tally_count(&t, items, r->range) == 0 && tally_is_clean(&t);
	if (r->json)
		print_json(&t);
	else
		print_lines(&t);
	tally_free(&t);
	json_decref(items);
	return clean ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct request r;
	struct api *api;
	struct error err = {0};
	int status;

	if (!read_options(&r, argc, argv)) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (api_open(&api, r.kubeconfig, &err) != 0) {
		(void)fprintf(stderr, "audit: %s\n", err.message);
		return EXIT_USAGE;
	}
	status = audit(&r, api);
	api_close(api);
	return status;
}
