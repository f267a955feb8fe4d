#include "bench/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/vmi_patch.h"
#include "kube/list_reader.h"
#include "kube/watch_reader.h"

#define MAX_TEXT    1024 /* as reflector_options.max_text by default */
#define MAX_FRAME   (16u << 20)
#define WINDOW      16
#define TERM        5
#define NOW_MS      1000000
#define REQUEST_MAX 2048

struct pipeline {
	struct cid_range range;
	struct rng rng;
	uint32_t term;
	struct allocator *allocator;
	struct reflector_object listed;
	struct reflector_object watched;
	struct list_reader *list_reader;
	struct watch_reader *watch_reader;
	struct vmi_parser *parser;
	struct vmi vmi;
	struct buf path;
	struct buf body;
	struct pipeline_counts counts;
};

static void must(int rc, const struct error *err, const char *what)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, err != NULL && err->code != 0 ? err->message : strerror(-rc));
	exit(1);
}

/* ---- as controller_views.c ---- */

static void on_begin(void *data)
{
	struct pipeline *p = data;

	vmi_begin(&p->vmi);
}

static void on_value(void *data, int field, const struct json_value *value)
{
	struct pipeline *p = data;

	vmi_value(&p->vmi, field, value);
}

static void on_object(void *data, enum reflector_event event, const char *rv)
{
	struct pipeline *p = data;

	if (strlen(rv) < sizeof(p->vmi.resource_version))
		memcpy(p->vmi.resource_version, rv, strlen(rv) + 1);
	vmi_end(&p->vmi);
	if (event == REFLECTOR_DELETED)
		allocator_vmi_gone(p->allocator, &p->vmi, NOW_MS);
	else
		allocator_vmi_seen(p->allocator, &p->vmi, event == REFLECTOR_LISTED, NOW_MS);
	if (event == REFLECTOR_LISTED)
		p->counts.listed++;
	else
		p->counts.events++;
}

static void on_moved(void *data, const char *rv)
{
	(void)data;
	(void)rv;
}

static void on_listed(void *data, const char *rv)
{
	struct pipeline *p = data;

	allocator_list_done(p->allocator, rv, NOW_MS);
}

static void on_notice(void *data, const struct notice *n)
{
	struct pipeline *p = data;

	if (n->kind == NOTICE_ASSIGNED)
		p->counts.assigned++;
	else
		p->counts.notices++;
}

static const struct reflector_handler handler = {
	.begin = on_begin,
	.value = on_value,
	.object = on_object,
};

/* ---- life ---- */

static void create_readers(struct pipeline *p)
{
	struct watch_reader_options options = {
		.object = &p->watched,
		.max_text = MAX_TEXT,
		.max_frame = MAX_FRAME,
		.moved = on_moved,
		.listed = on_listed,
		.data = p,
	};
	struct error err = {0};

	p->listed = (struct reflector_object){
		.fields = vmi_fields, .field_count = vmi_field_count, .handler = &handler, .data = p};
	p->watched = p->listed;
	must(list_reader_create(&p->list_reader, &p->listed, MAX_TEXT, &err), &err, "list reader");
	must(watch_reader_create(&p->watch_reader, &options, &err), &err, "watch reader");
	must(vmi_parser_create(&p->parser), NULL, "parser");
}

void pipeline_create(struct pipeline **out)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	struct allocator_options options = {
		.quarantine_ms = 60000,
		.max_in_flight = WINDOW,
		.notice = on_notice,
		.data = p,
	};

	if (p == NULL)
		abort();
	options.range = &p->range;
	options.rng = &p->rng;
	rng_init_seeded(&p->rng, 1);
	must(cid_range_init(&p->range, 3, 2147483647, NULL, 0, NULL), NULL, "range");
	must(allocator_create(&p->allocator, &options), NULL, "allocator");
	create_readers(p);
	buf_init(&p->path, REQUEST_MAX);
	buf_init(&p->body, REQUEST_MAX);
	allocator_set_gate(p->allocator, true);
	allocator_set_term(p->allocator, p->term = TERM);
	allocator_set_right(p->allocator, UINT64_MAX);
	*out = p;
}

void pipeline_free(struct pipeline *p)
{
	if (p == NULL)
		return;
	buf_free(&p->body);
	buf_free(&p->path);
	vmi_parser_free(p->parser);
	watch_reader_free(p->watch_reader);
	list_reader_free(p->list_reader);
	allocator_free(p->allocator);
	cid_range_free(&p->range);
	free(p);
}

/* ---- bytes ---- */

void pipeline_begin_list(struct pipeline *p)
{
	list_reader_reset(p->list_reader);
	allocator_list_started(p->allocator);
}

void pipeline_list_bytes(struct pipeline *p, const char *bytes, size_t n)
{
	struct error err = {0};

	must(list_reader_feed(p->list_reader, bytes, n, &err), &err, "list");
}

void pipeline_end_list(struct pipeline *p)
{
	struct error err = {0};

	must(list_reader_end(p->list_reader, &err), &err, "list");
	allocator_list_done(p->allocator, list_reader_rv(p->list_reader), NOW_MS);
}

void pipeline_begin_stream(struct pipeline *p)
{
	watch_reader_reset(p->watch_reader, true);
	allocator_list_started(p->allocator);
}

void pipeline_watch_bytes(struct pipeline *p, const char *bytes, size_t n)
{
	struct error err = {0};

	must(watch_reader_feed(p->watch_reader, bytes, n, &err), &err, "watch");
}

/* ---- writes, as assigner.c ---- */

/* Where a stripe is more than half used, the elector raises the term. Here that is done at once. */
static void follow_pressure(struct pipeline *p)
{
	uint32_t term = p->term;
	uint32_t step;

	if (!allocator_is_pressed(p->allocator))
		return;
	step = allocator_raise_step(p->allocator, term);
	if (step > 0)
		allocator_set_term(p->allocator, p->term = term + step);
}

bool pipeline_next_write(struct pipeline *p, struct pipeline_write *w)
{
	struct wish wish;

	follow_pressure(p);
	if (!allocator_next(p->allocator, &wish, NOW_MS))
		return false;
	if (wish.kind != WISH_PATCH)
		must(-EPROTO, NULL, "a wish that is no patch");
	buf_reset(&p->path);
	buf_reset(&p->body);
	must(vmi_path_write(&p->path, "v1", &wish), NULL, "path");
	must(vmi_patch_write(&p->body, &wish), NULL, "patch");
	*w = (struct pipeline_write){
		.ticket = wish.ticket,
		.name = wish.name,
		.cid = wish.cid,
		.path = buf_str(&p->path),
		.body = buf_str(&p->body),
		.body_len = p->body.len,
	};
	return true;
}

void pipeline_answer(struct pipeline *p, uint64_t ticket, const char *object, size_t n)
{
	struct error err = {0};
	struct vmi vmi;
	struct answer answer = {.kind = ANSWER_OBJECT, .object = &vmi, .text = ""};

	must(vmi_parser_read(p->parser, &vmi, object, n, &err), &err, "answer");
	allocator_answer(p->allocator, ticket, &answer, NOW_MS);
}

void pipeline_counts(const struct pipeline *p, struct pipeline_counts *out)
{
	*out = p->counts;
}

const struct allocator *pipeline_allocator(const struct pipeline *p)
{
	return p->allocator;
}
