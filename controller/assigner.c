#include "controller/assigner.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "controller/vmi_patch.h"

/* A path is at most 63 + 253 bytes and its fixed parts; a patch is some 400. */
#define REQUEST_MAX 2048

/* One request, reused: there are as many as may be in flight. */
struct request {
	struct kube_call call;
	struct assigner *owner;
	uint64_t ticket; /* 0: unused */
	struct buf path;
	struct buf body;
};

struct assigner {
	struct assigner_options options;
	struct vmi_parser *parser;
	struct request *requests[ALLOCATOR_MAX_IN_FLIGHT]; /* made when first needed */
	uint32_t in_flight;
	uv_prepare_t prepare;
	uv_timer_t timer; /* wakes the loop at the allocator's deadline */
	unsigned int open_handles;
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

/* ---- answers ---- */

static enum answer_kind kind_of_status(const struct kube_answer *answer)
{
	switch (answer->status) {
	case 404:
		return ANSWER_NOT_FOUND;
	case 409:
		return ANSWER_TEST_FAILED;
	case 422: /* PAT-2: only a refusal by validation names causes */
		return answer->failure.has_causes ? ANSWER_REFUSED : ANSWER_TEST_FAILED;
	case 401: /* about us, not about the VMI: the client has read the token anew already */
	case 429:
		return ANSWER_LATER;
	default: /* a server or something before it gave up: maybe after it had passed the request on (PAT-13)
		  */
		return answer->status >= 500 ? ANSWER_UNKNOWN : ANSWER_REFUSED;
	}
}

static void read_object(struct assigner *s, const struct kube_answer *from, struct answer *to,
			struct vmi *object, struct error *err)
{
	to->kind = ANSWER_OBJECT;
	to->object = object;
	if (vmi_parser_read(s->parser, object, from->body, from->body_len, err) != 0) {
		to->kind = ANSWER_UNKNOWN;
		to->text = err->message;
	}
}

static struct answer translate(struct assigner *s, const struct kube_answer *from, struct vmi *object,
			       struct error *err)
{
	struct answer to = {.text = from->message};

	if (from->error != 0) {
		/* What never left this machine can be sent again; of the rest nobody knows. */
		to.kind = from->sent ? ANSWER_UNKNOWN : ANSWER_LATER;
		return to;
	}
	if (from->status >= 200 && from->status < 300) {
		read_object(s, from, &to, object, err);
		return to;
	}
	to.kind = kind_of_status(from);
	to.text = from->failure.message;
	to.retry_ms =
		(uint64_t)(from->retry_after ? from->retry_after_s : from->failure.retry_after_s) * 1000;
	return to;
}

static void maybe_closed(struct assigner *s);

static void on_done(struct kube_call *call, const struct kube_answer *from)
{
	struct request *r = call->data;
	struct assigner *s = r->owner;
	uint64_t ticket = r->ticket;
	struct error err = {0};
	struct vmi object;
	struct answer answer = translate(s, from, &object, &err);

	r->ticket = 0;
	s->in_flight--;
	allocator_answer(s->options.allocator, ticket, &answer, clock_boot_ms());
	maybe_closed(s);
}

/* ---- requests ---- */

/* NULL: out of memory. */
static struct request *unused_request(struct assigner *s)
{
	uint32_t i = 0;
	struct request *r;

	while (i < ALLOCATOR_MAX_IN_FLIGHT && s->requests[i] != NULL && s->requests[i]->ticket != 0)
		i++;
	assert(i < ALLOCATOR_MAX_IN_FLIGHT); /* the allocator keeps the window */
	if (s->requests[i] != NULL)
		return s->requests[i];
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->owner = s;
	buf_init(&r->path, REQUEST_MAX);
	buf_init(&r->body, REQUEST_MAX);
	s->requests[i] = r;
	return r;
}

static int fill_request(struct request *r, const struct wish *w, const char *version, const char *write_as)
{
	int rc;

	buf_reset(&r->path);
	buf_reset(&r->body);
	rc = vmi_path_write(&r->path, version, w);
	if (rc == 0 && w->kind == WISH_PATCH)
		rc = vmi_patch_write(&r->body, w);
	r->call = (struct kube_call){
		.method = w->kind == WISH_PATCH ? "PATCH" : "GET",
		.path = buf_str(&r->path),
		.content_type = VMI_PATCH_CONTENT_TYPE,
		.body = w->kind == WISH_PATCH ? buf_str(&r->body) : NULL,
		.body_len = r->body.len,
		.impersonate = w->kind == WISH_PATCH ? write_as : NULL,
		.on_done = on_done,
		.data = r,
	};
	return rc;
}

static void serve(struct assigner *s, const struct wish *w, const char *version, uint64_t now_ms)
{
	struct request *r = unused_request(s);
	struct error err = {0};
	int rc = r != NULL ? 0 : error_errno(&err, -ENOMEM, "request");

	if (rc == 0)
		rc = fill_request(r, w, version, s->options.write_as(s->options.data));
	if (rc == 0)
		rc = kube_client_start(s->options.client, &r->call, &err);
	if (rc != 0) {
		const struct answer answer = {.kind = ANSWER_LATER, .text = err.message};

		allocator_answer(s->options.allocator, w->ticket, &answer, now_ms);
		return;
	}
	r->ticket = w->ticket;
	s->in_flight++;
}

/* ---- the turn of the loop ---- */

static void on_timer(uv_timer_t *timer)
{
	(void)timer; /* it only wakes the loop; on_prepare() does the work */
}

static void arm_timer(struct assigner *s, uint64_t now_ms)
{
	uint64_t deadline_ms = allocator_deadline(s->options.allocator);

	if (deadline_ms == UINT64_MAX) {
		(void)uv_timer_stop(&s->timer);
		return;
	}
	uv_update_time(s->options.loop); /* T3: the loop's cached time may be old */
	(void)uv_timer_start(&s->timer, on_timer, deadline_ms > now_ms ? deadline_ms - now_ms : 1,
			     0); /* T4: never 0 */
}

/* LE-10: the right to write is checked before each request, by the time of that very moment: serving many may
 * take long, and the machine may be suspended in between. */
static bool next_wish(struct assigner *s, struct wish *wish, uint64_t *now_ms)
{
	*now_ms = clock_boot_ms();
	return allocator_next(s->options.allocator, wish, *now_ms);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct assigner *s = prepare->data;
	const char *version = s->options.version(s->options.data);
	uint64_t now_ms = clock_boot_ms();
	struct wish wish;

	if (s->closing)
		return;
	if (allocator_deadline(s->options.allocator) <= now_ms)
		allocator_tick(s->options.allocator, now_ms);
	while (version != NULL && next_wish(s, &wish, &now_ms))
		serve(s, &wish, version, now_ms);
	arm_timer(s, now_ms);
}

/* ---- life ---- */

static void free_requests(struct assigner *s)
{
	for (uint32_t i = 0; i < ALLOCATOR_MAX_IN_FLIGHT && s->requests[i] != NULL; i++) {
		buf_free(&s->requests[i]->path);
		buf_free(&s->requests[i]->body);
		free(s->requests[i]);
	}
}

int assigner_open(struct assigner **out, const struct assigner_options *options, struct error *err)
{
	struct assigner *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return error_errno(err, -ENOMEM, "assigner");
	s->options = *options;
	if (vmi_parser_create(&s->parser) != 0) {
		free(s);
		return error_errno(err, -ENOMEM, "assigner");
	}
	(void)uv_prepare_init(options->loop, &s->prepare);
	(void)uv_timer_init(options->loop, &s->timer);
	s->open_handles = 2;
	s->prepare.data = s;
	s->timer.data = s;
	(void)uv_prepare_start(&s->prepare, on_prepare);
	*out = s;
	return 0;
}

uint32_t assigner_in_flight(const struct assigner *s)
{
	return s->in_flight;
}

/* Closed once both handles are and every request has its answer. */
static void maybe_closed(struct assigner *s)
{
	if (!s->closing || s->open_handles > 0 || s->in_flight > 0)
		return;
	free_requests(s);
	vmi_parser_free(s->parser);
	s->close_cb(s->close_data);
	free(s);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct assigner *s = handle->data;

	s->open_handles--;
	maybe_closed(s);
}

void assigner_close(struct assigner *s, void (*cb)(void *data), void *data)
{
	assert(!s->closing);
	s->closing = true;
	s->close_cb = cb;
	s->close_data = data;
	for (uint32_t i = 0; i < ALLOCATOR_MAX_IN_FLIGHT && s->requests[i] != NULL; i++)
		if (s->requests[i]->ticket != 0)
			kube_call_cancel(&s->requests[i]->call);
	uv_close((uv_handle_t *)&s->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}
