#include "controller/allocator.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/allocator_impl.h"

#define SERVER_BACKOFF_INITIAL_MS 500
#define SERVER_BACKOFF_MAX_MS     5000

/* In vmi_record.told: a write was refused, or its outcome is unknown, for the first time. A server that
 * starts forbids everything until its rules are loaded, and connections get lost: once is not worth an event.
 */
#define TOLD_REFUSED_ONCE (1u << 31)
#define TOLD_UNKNOWN_ONCE (1u << 30)

int allocator_create(struct allocator **out, const struct allocator_options *options)
{
	struct allocator *a;
	int rc;

	if (options->max_in_flight < 1 || options->max_in_flight > ALLOCATOR_MAX_IN_FLIGHT)
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	a->options = *options;
	a->writes_left = ALLOCATOR_UNLIMITED;
	rc = vmi_store_init(&a->store, rng_u64(options->rng));
	if (rc != 0)
		goto err_after_alloc;
	rc = cid_pool_create(&a->pool, options->range, rng_u64(options->rng));
	if (rc != 0)
		goto err_after_store;
	rc = cid_quarantine_create(&a->quarantine, options->quarantine_ms, rng_u64(options->rng));
	if (rc != 0)
		goto err_after_pool;
	for (int i = 0; i < URGENCY_COUNT; i++) {
		list_init(&a->doubting[i]);
		list_init(&a->wanting[i]);
		list_init(&a->starving[i]);
	}
	backoff_init(&a->server_backoff, SERVER_BACKOFF_INITIAL_MS, SERVER_BACKOFF_MAX_MS);
	*out = a;
	return 0;
err_after_pool:
	cid_pool_free(a->pool);
err_after_store:
	vmi_store_close(&a->store);
err_after_alloc:
	free(a);
	return rc;
}

static void drop_work_of(void *data, struct vmi_record *r)
{
	work_drop(data, r);
}

void allocator_free(struct allocator *a)
{
	if (a == NULL)
		return;
	vmi_store_visit(&a->store, drop_work_of, a);
	heap_free(&a->blocked);
	cid_quarantine_free(a->quarantine);
	cid_pool_free(a->pool);
	vmi_store_close(&a->store);
	free(a);
}

void allocator_notify(struct allocator *a, struct vmi_record *r, struct notice n)
{
	char uid[VMI_KEY_SIZE];
	uint32_t bit = 1u << n.kind;
	uint32_t once = 0;

	_Static_assert(NOTICE_COUNT <= 30, "vmi_record.told has a bit for each kind, and two more");
	if (n.kind == NOTICE_REFUSED)
		once = TOLD_REFUSED_ONCE;
	else if (n.kind == NOTICE_UNKNOWN)
		once = TOLD_UNKNOWN_ONCE;
	if (once != 0 && (r->told & once) == 0) {
		r->told |= once;
	} else {
		n.first = (r->told & bit) == 0;
		r->told |= bit;
	}
	n.namespace = vmi_record_namespace(r);
	n.name = vmi_record_name(r);
	n.uid = vmi_record_uid(r, uid);
	if (n.other_name == NULL)
		n.other_namespace = n.other_name = "";
	if (n.text == NULL)
		n.text = "";
	a->options.notice(a->options.data, &n);
}

/* A notice about a VMI that has no record. */
static void notify_stranger(struct allocator *a, const struct vmi *v, enum notice_kind kind, const char *text)
{
	const struct notice n = {
		.kind = kind,
		.namespace = v->namespace,
		.name = v->name,
		.uid = v->uid,
		.other_namespace = "",
		.other_name = "",
		.text = text,
	};

	a->options.notice(a->options.data, &n);
}

static void lose_sight(struct allocator *a)
{
	a->informed = false;
	a->list_lossy = true;
}

void allocator_lost_track(struct allocator *a, struct vmi_record *r, uint32_t cid)
{
	lose_sight(a);
	/* The list will show this version again, and then it must not pass for known. */
	r->incomplete = true;
	allocator_notify(a, r, (struct notice){.kind = NOTICE_OUT_OF_MEMORY, .cid = cid});
}

/* ---- a VMI is seen ---- */

/* The UID, or where it cannot be read a key that no UID can be equal to. */
static const char *key_of(const struct vmi *v, char buffer[static VMI_KEY_SIZE])
{
	if (v->uid[0] != '\0')
		return v->uid;
	(void)snprintf(buffer, VMI_KEY_SIZE, "?%s/%s", v->namespace, v->name);
	return buffer;
}

static bool starts_now(const struct vmi_record *r)
{
	return !r->started && (r->phase == VMI_PHASE_SCHEDULED || r->phase == VMI_PHASE_RUNNING);
}

/* How a look at a VMI was had. */
struct sight {
	bool witnessed; /* what is new in it happened while we looked */
	bool at_start;  /* it has started since the look before */
	uint64_t now_ms;
};

/* The status shows another CID than before, or one for the first time. */
static void show_new_cid(struct allocator *a, struct vmi_record *r, uint32_t cid, const struct sight *s)
{
	struct vmi_hold *before = vmi_store_visible(r);
	uint32_t old_cid = before != NULL ? before->cid : 0;
	bool was_ours = before != NULL && r->ours;
	const struct assignment *work = work_of(r);
	struct vmi_hold *h = allocator_own(a, r, cid);

	if (h == NULL) {
		allocator_lost_track(a, r, cid);
		return;
	}
	vmi_store_show(&a->store, r, h);
	r->told &= ~(1u << NOTICE_DUPLICATE);
	r->ours = h->asked;
	/* I4: each write counts once. Who puts our value back later is a foreign writer like any other. */
	if (h->awaited)
		allocator_notify(a, r,
				 (struct notice){.kind = NOTICE_ASSIGNED,
						 .cid = cid,
						 .waited_ms = work != NULL ? s->now_ms - work->since_ms : 0});
	else if (s->witnessed && a->has_term && !(before == NULL && allocator_is_of_leader_before(a, cid)))
		allocator_notify(a, r,
				 (struct notice){.kind = NOTICE_FOREIGN,
						 .cid = cid,
						 .old_cid = old_cid,
						 .was_ours = was_ours,
						 .at_start = s->at_start});
	h->awaited = false;
	h->kept = true;
	allocator_tell_reserved(a, r);
	allocator_trim(a, r, NULL, s->now_ms);
	if (before != NULL)
		allocator_review_cid(a, old_cid, s->now_ms);
}

/* The status shows no CID any more; the VMI keeps what it held (I5). */
static void show_no_cid(struct allocator *a, struct vmi_record *r, struct vmi_hold *before, uint64_t now_ms)
{
	bool was_ours = r->ours;

	vmi_store_show(&a->store, r, NULL);
	r->told &= ~(1u << NOTICE_DUPLICATE);
	r->ours = false;
	if (a->has_term)
		allocator_notify(a, r,
				 (struct notice){.kind = NOTICE_FOREIGN,
						 .old_cid = before->cid,
						 .was_ours = was_ours});
	allocator_review_cid(a, before->cid, now_ms);
}

static void show_cid(struct allocator *a, struct vmi_record *r, const struct vmi *v, const struct sight *s)
{
	struct vmi_hold *before = vmi_store_visible(r);

	/* I9: what cannot be read takes nothing away from what was known. */
	if (v->cid_state == VMI_CID_UNREADABLE)
		return;
	if (v->cid_state == VMI_CID_PRESENT && (before == NULL || before->cid != v->cid))
		show_new_cid(a, r, v->cid, s);
	else if (v->cid_state == VMI_CID_ABSENT && before != NULL)
		show_no_cid(a, r, before, s->now_ms);
}

/* Until 2106. */
static uint32_t seconds_of(int64_t s)
{
	if (s <= 0)
		return 0;
	return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

static void copy_facts(struct allocator *a, struct vmi_record *r, const struct vmi *v, vmi_version version)
{
	_Static_assert(VMI_PHASE_OTHER < 16 && COUNT_KINDS <= 4, "vmi_record has 4 bits for each");

	vmi_store_set_version(&a->store, r, version);
	r->created_s = seconds_of(v->created_s);
	r->phase = v->phase & 15;
	r->wants = v->wants_vsock;
	r->deleting = v->deleting;
	r->unreadable = v->unreadable != NULL;
	r->has_status = v->has_status;
	r->has_phase = v->has_phase;
	r->may_fall_back = v->may_fall_back;
	r->incomplete = false;
}

/* The look differs from the last one in nothing that counts here, and nothing is being done for the VMI:
 * thousands of updates a second do in a large cluster. */
static bool is_churn(const struct vmi_record *r, const struct vmi *v)
{
	return vmi_record_is_plain(r) && r->hold.visible && v->cid_state == VMI_CID_PRESENT &&
	       r->hold.cid == v->cid && r->phase == v->phase && r->wants == v->wants_vsock &&
	       r->deleting == v->deleting && (r->started || !vmi_has_started(v)) && !r->unreadable &&
	       v->unreadable == NULL && r->has_status == v->has_status && r->has_phase == v->has_phase &&
	       r->may_fall_back == v->may_fall_back && r->created_s == seconds_of(v->created_s) &&
	       v->source_uid[0] == '\0' && !r->incomplete;
}

static bool is_news(const struct vmi_record *r, vmi_version version)
{
	vmi_version known = vmi_record_version(r);

	return version == 0 || version > known || (version == known && r->incomplete);
}

/* The VMI has started, maybe just now: what it shows is what the guest has (I2). */
static void note_start(struct allocator *a, struct vmi_record *r, const struct vmi *v)
{
	struct vmi_hold *visible = vmi_store_visible(r);

	if (r->started || !vmi_has_started(v))
		return;
	r->started = true;
	if (visible == NULL)
		return;
	visible->guest = true;
	if (r->ours)
		allocator_notify(a, r, (struct notice){.kind = NOTICE_LASTED, .cid = visible->cid});
	allocator_tell_outside(a, r);
}

static void tell_missed(struct allocator *a, struct vmi_record *r, bool at_start)
{
	if ((allocator_counts_of(a, r) & 1u << COUNT_MISSED) != 0 && (r->told & 1u << NOTICE_MISSED) == 0)
		allocator_notify(a, r, (struct notice){.kind = NOTICE_MISSED, .at_start = at_start});
}

/* The record of @v, made anew where it is needed. NULL: it needs none, or memory is short. */
static struct vmi_record *record_for(struct allocator *a, const struct vmi *v, bool *known)
{
	char buffer[VMI_KEY_SIZE];
	const char *key = key_of(v, buffer);
	struct vmi_record *r = vmi_store_find(&a->store, key);

	*known = r != NULL;
	if (r != NULL)
		return r;
	if (!v->wants_vsock && v->cid_state != VMI_CID_PRESENT) {
		if (v->unreadable != NULL)
			notify_stranger(a, v, NOTICE_UNREADABLE, v->unreadable);
		return NULL;
	}
	r = vmi_store_add(&a->store, key, v);
	if (r == NULL) {
		lose_sight(a);
		notify_stranger(a, v, NOTICE_OUT_OF_MEMORY, "");
	}
	return r;
}

static bool was_listed(const struct allocator *a, const struct vmi_record *r)
{
	return r->seen_in_list == (uint16_t)a->list_number;
}

static void note_listed(struct allocator *a, struct vmi_record *r)
{
	a->listed += !was_listed(a, r);
	r->seen_in_list = (uint16_t)a->list_number;
}

void allocator_vmi_seen(struct allocator *a, const struct vmi *v, bool listed, uint64_t now_ms)
{
	vmi_version version = allocator_parse_version(v->resource_version);
	struct sight s = {.now_ms = now_ms};
	bool known;
	struct vmi_record *r;

	/* An object without a readable UID may be any of those that the list seems to lack (I9). */
	if (listed && v->uid[0] == '\0')
		a->list_blind = true;
	r = record_for(a, v, &known);
	if (r == NULL)
		return;
	if (listed)
		note_listed(a, r);
	if (known && !is_news(r, version))
		return;
	if (known && is_churn(r, v)) {
		vmi_store_set_version(&a->store, r, version);
		return;
	}
	copy_facts(a, r, v, version);
	if (v->unreadable != NULL && (r->told & 1u << NOTICE_UNREADABLE) == 0)
		allocator_notify(a, r, (struct notice){.kind = NOTICE_UNREADABLE, .text = v->unreadable});
	/* What a list shows for the first time may have been written by the leader before us; who is created
	 * with a CID was given it by somebody else. */
	s.witnessed = known || !listed;
	s.at_start = known && starts_now(r);
	show_cid(a, r, v, &s);
	note_start(a, r, v);
	allocator_note_source(a, r, v, now_ms);
	tell_missed(a, r, s.at_start);
	allocator_tell_source(a, r);
	allocator_review(a, r, now_ms);
}

/* ---- a VMI is gone ---- */

static void forget(struct allocator *a, struct vmi_record *r, uint64_t now_ms)
{
	struct vmi_hold *visible = vmi_store_visible(r);
	uint32_t shown_cid = visible != NULL ? visible->cid : 0;
	bool shown = visible != NULL;
	struct vmi_hold *h;

	a->listed -= was_listed(a, r);
	work_drop(a, r);
	allocator_recount(a, r, 0);
	while ((h = vmi_hold_first(r)) != NULL)
		allocator_let_go(a, h, now_ms);
	vmi_store_remove(&a->store, r);
	if (shown)
		allocator_review_cid(a, shown_cid, now_ms);
}

void allocator_vmi_gone(struct allocator *a, const struct vmi *v, uint64_t now_ms)
{
	char buffer[VMI_KEY_SIZE];
	struct vmi_record *r = vmi_store_find(&a->store, key_of(v, buffer));
	vmi_version version = allocator_parse_version(v->resource_version);

	if (r == NULL || (version != 0 && version < vmi_record_version(r)))
		return;
	forget(a, r, now_ms);
}

void allocator_list_started(struct allocator *a)
{
	a->list_number++;
	a->listed = 0;
	a->list_blind = false;
	a->list_lossy = false;
}

struct sweep {
	struct allocator *a;
	vmi_version version;
	uint64_t now_ms;
};

static void hold_listed_source(void *data, struct vmi_record *r)
{
	struct sweep *sweep = data;

	allocator_hold_source(sweep->a, r, sweep->now_ms);
	allocator_recount(sweep->a, r, allocator_counts_of(sweep->a, r));
}

/* CAC-2: what the list lacks was deleted while nobody looked, unless we have seen something newer than the
 * list. */
static void sweep_record(void *data, struct vmi_record *r)
{
	struct sweep *sweep = data;

	if (!was_listed(sweep->a, r) && vmi_record_version(r) <= sweep->version)
		forget(sweep->a, r, sweep->now_ms);
}

static void tell_listed_source(void *data, struct vmi_record *r)
{
	allocator_tell_source(data, r);
}

void allocator_list_done(struct allocator *a, const char *resource_version, uint64_t now_ms)
{
	struct sweep sweep = {.a = a, .version = allocator_parse_version(resource_version), .now_ms = now_ms};

	/* A target may come before its source in the list; both are known now, and the source may be gone
	 * after this. */
	if (a->store.sources > 0)
		vmi_store_visit(&a->store, hold_listed_source, &sweep);
	if (!a->list_blind && sweep.version != 0 && a->listed != a->store.by_uid.len)
		vmi_store_visit(&a->store, sweep_record, &sweep);
	a->informed = !a->list_lossy;
	if (a->store.sources > 0)
		vmi_store_visit(&a->store, tell_listed_source, a);
}
