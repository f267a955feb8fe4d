#include "kube/events_series.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/utf8.h"

void events_table_init(struct events_table *t, struct rng *rng)
{
	*t = (struct events_table){.rng = rng};
	list_init(&t->all);
	list_init(&t->queue);
}

static struct events_series *by_age(struct list *link)
{
	return container_of(link, struct events_series, age);
}

static void series_free(struct events_table *t, struct events_series *s)
{
	if (s->state == EVENTS_QUEUED)
		t->queued--;
	list_remove(&s->queue);
	list_remove(&s->age);
	t->count--;
	free(s);
}

void events_table_free(struct events_table *t)
{
	list_for_each_safe (it, &t->all) {
		series_free(t, by_age(it));
	}
}

/* --- keys --- */

/* Each string with its NUL, so that no two lists of strings run into one. */
static void digest(const char *const *strings, size_t n, unsigned char *key)
{
	unsigned char whole[EVP_MAX_MD_SIZE] = {0};
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	/* Without memory all keys are equal: one series, one bucket, and nothing worse. */
	if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1) {
		for (size_t i = 0; i < n; i++)
			(void)EVP_DigestUpdate(context, strings[i], strlen(strings[i]) + 1);
		(void)EVP_DigestFinal_ex(context, whole, NULL);
	}
	EVP_MD_CTX_free(context);
	memcpy(key, whole, EVENTS_KEY_SIZE);
}

void events_object_key(const struct kube_event *e, unsigned char key[static EVENTS_KEY_SIZE])
{
	const char *const strings[] = {e->kind, e->namespace, e->name, e->uid, e->warning ? "Warning" : ""};

	digest(strings, ARRAY_LEN(strings), key);
}

static void series_key(const struct kube_event *e, unsigned char *key)
{
	const char *const strings[] = {
		e->kind, e->namespace, e->name, e->uid, e->reason, e->message, e->warning ? "Warning" : "",
	};

	digest(strings, ARRAY_LEN(strings), key);
}

/* --- names (EVT-6) --- */

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 1123, as Kubernetes reads it: lower case, letters and digits at the ends of each label. */
static bool is_subdomain(const char *text)
{
	char before = '.';

	if (strlen(text) > EVENTS_NAME_MAX)
		return false;
	for (; *text != '\0'; before = *text, text++) {
		if (is_alphanumeric(*text))
			continue;
		if (*text != '-' && *text != '.')
			return false;
		if (before == '.' || (*text == '.' && before == '-'))
			return false;
	}
	return is_alphanumeric(before);
}

static void make_name(struct events_table *t, struct events_series *s)
{
	uint64_t number = s->first_us * 1000;
	char text[512];

	if (number <= t->last_number)
		number = t->last_number + 1;
	t->last_number = number;
	(void)snprintf(text, sizeof(text), "%.*s.%" PRIx64, EVENTS_NAME_MAX + 1, s->event.name, number);
	if (!is_subdomain(text)) {
		uint64_t high = rng_u64(t->rng);
		uint64_t low = rng_u64(t->rng);

		(void)snprintf(text, sizeof(text),
			       "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
			       high >> 32, high >> 16 & 0xffff, high & 0xfff, (low >> 48 & 0x3fff) | 0x8000,
			       low & 0xffffffffffff);
	}
	(void)snprintf(s->name, sizeof(s->name), "%.*s", EVENTS_NAME_MAX, text);
}

/* --- series --- */

/* Copies at most @max bytes of @text, with '?' for what is not UTF-8, and moves *end behind the NUL. */
static const char *copy(char **end, const char *text, size_t max)
{
	size_t n = utf8_cut(text, strlen(text), max);
	char *start = *end;

	memcpy(start, text, n);
	start[n] = '\0';
	for (size_t i = 0; i < n;) {
		size_t length = utf8_length(start + i, n - i);

		if (length == 0)
			start[i] = '?';
		i += length + (length == 0);
	}
	*end = start + n + 1;
	return start;
}

static struct events_series *series_create(const struct kube_event *e)
{
	size_t size = strlen(e->namespace) + strlen(e->kind) + strlen(e->api_version) + strlen(e->name) +
		      strlen(e->uid) + strlen(e->reason) + strlen(e->message) + 7;
	struct events_series *s = calloc(1, sizeof(*s) + size);
	char *end;

	if (s == NULL)
		return NULL;
	end = (char *)(s + 1);
	s->event.namespace = copy(&end, e->namespace, size);
	s->event.kind = copy(&end, e->kind, size);
	s->event.api_version = copy(&end, e->api_version, size);
	s->event.name = copy(&end, e->name, size);
	s->event.uid = copy(&end, e->uid, size);
	s->event.reason = copy(&end, e->reason, EVENTS_REASON_MAX);
	s->event.message = copy(&end, e->message, EVENTS_MESSAGE_MAX);
	s->event.warning = e->warning;
	list_init(&s->queue);
	list_init(&s->age);
	return s;
}

static struct events_series *find(struct events_table *t, const unsigned char *key)
{
	list_for_each (it, &t->all) {
		if (memcmp(by_age(it)->key, key, EVENTS_KEY_SIZE) == 0)
			return by_age(it);
	}
	return NULL;
}

/* Fewer can be queued or flying than there is room for, so there is always one to forget. */
static void make_room(struct events_table *t)
{
	if (t->count < EVENTS_SERIES_MAX)
		return;
	list_for_each (it, &t->all) {
		if (by_age(it)->state == EVENTS_IDLE) {
			series_free(t, by_age(it));
			return;
		}
	}
}

static void enqueue(struct events_table *t, struct events_series *s)
{
	s->state = EVENTS_QUEUED;
	list_push_back(&t->queue, &s->queue);
	t->queued++;
}

static int add_new(struct events_table *t, const struct kube_event *event, const unsigned char *key,
		   struct events_series **out)
{
	struct events_series *s = series_create(event);

	if (s == NULL)
		return -ENOMEM;
	make_room(t);
	memcpy(s->key, key, sizeof(s->key));
	list_push_back(&t->all, &s->age);
	t->count++;
	*out = s;
	return 0;
}

int events_table_add(struct events_table *t, const struct kube_event *event, uint64_t now_ms,
		     uint64_t wall_us)
{
	unsigned char key[EVENTS_KEY_SIZE];
	struct events_series *s;

	if (event->namespace[0] != '\0' && !is_subdomain(event->namespace))
		return -EINVAL;
	series_key(event, key);
	s = find(t, key);
	if ((s == NULL || s->state == EVENTS_IDLE) && t->queued >= EVENTS_QUEUE_MAX)
		return -ENOBUFS;
	if (s != NULL && s->state == EVENTS_IDLE && now_ms - s->last_ms > EVENTS_SERIES_WINDOW_MS) {
		series_free(t, s);
		s = NULL;
	}
	if (s == NULL) {
		int rc = add_new(t, event, key, &s);

		if (rc != 0)
			return rc;
		s->first_us = wall_us;
		make_name(t, s);
	}
	s->count++;
	s->last_us = wall_us;
	s->last_ms = now_ms;
	list_remove(&s->age);
	list_push_back(&t->all, &s->age);
	if (s->state == EVENTS_IDLE)
		enqueue(t, s);
	return 0;
}

struct events_series *events_table_take(struct events_table *t)
{
	struct list *link = list_first(&t->queue);
	struct events_series *s;

	if (link == NULL)
		return NULL;
	s = container_of(link, struct events_series, queue);
	list_remove(link);
	t->queued--;
	s->state = EVENTS_FLYING;
	return s;
}

void events_table_told(struct events_table *t, struct events_series *s, uint32_t told)
{
	s->told = told;
	s->state = EVENTS_IDLE;
	if (s->count > told)
		enqueue(t, s);
}

void events_table_forget(struct events_table *t, struct events_series *s)
{
	series_free(t, s);
}
