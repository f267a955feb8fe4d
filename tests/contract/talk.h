/**
 * talk: the conversation of one contract case with the server that $KUBECONFIG names.
 *
 * Each case has a namespace of its own, so cases disturb neither each other nor a second run on the same
 * server. In every body ' stands for ", which keeps JSON readable in C; no body needs a real '.
 * Strings and objects that a talk returns live until talk_close(). All of it asserts, i.e. fails the case.
 */
#ifndef CONTRACT_TALK_H
#define CONTRACT_TALK_H

#include <check.h>

#include "base/buf.h"
#include "support/api.h"
#include "support/api_watch.h"

#define TALK_KUBEVIRT "/apis/kubevirt.io/v1"
#define TALK_LEASES   "/apis/coordination.k8s.io/v1"
#define TALK_CORE     "/api/v1"

/* How long a case waits for something that must come: only turns a hang into a failure. */
#define TALK_DEADLINE_MS 50000

struct talk {
	struct api *api;
	struct api_answer answer; /* to the last request */
	char *request;            /* the last request, for messages */
	char *ns;                 /* the case's namespace */
	json_t *kept;             /* array of all that was handed out */
	struct buf misses;        /* see MISS_UNLESS */
};

/** Opens the API and makes the namespace. */
void talk_open(struct talk *t);
void talk_close(struct talk *t);
#define AUTO_TALK __attribute__((cleanup(talk_close)))

/** printf() into a string that the talk owns. */
const char *talk_format(struct talk *t, const char *fmt, ...) PRINTF_FORMAT(2, 3);

/** Another namespace. */
const char *talk_namespace(struct talk *t);

/** The path of a namespaced resource in the case's namespace: an object, or its collection (@name NULL). */
const char *talk_path(struct talk *t, const char *group_version, const char *resource, const char *name);

/** The same for VMIs in v1. */
const char *talk_vmi(struct talk *t, const char *name);
const char *talk_vmis(struct talk *t);

/** One request; the answer is t->answer. @type and @body may be NULL. Returns the HTTP code. */
long talk_send(struct talk *t, const char *method, const char *path, const char *type, const char *body);
long talk_get(struct talk *t, const char *path);
long talk_post(struct talk *t, const char *path, const char *body);
long talk_put(struct talk *t, const char *path, const char *body);
long talk_delete(struct talk *t, const char *path);
long talk_json_patch(struct talk *t, const char *path, const char *body);
long talk_merge_patch(struct talk *t, const char *path, const char *body);

/** The string at a path ("metadata.uid") of the last answer, "" where there is none. */
const char *talk_text(struct talk *t, const char *member);

/** In @text, which may be NULL, every ' becomes ". */
void talk_quote(char *text);

/** The whole last answer, to be looked at after later requests. */
const json_t *talk_keep(struct talk *t);

/** The last request and its answer in words, for messages. */
const char *talk_last(struct talk *t);

/** The text of a minimal VMI; @status is JSON or NULL for none. */
const char *talk_vmi_text(struct talk *t, const char *name, const char *status);

/** Creates that VMI. */
void talk_given_vmi(struct talk *t, const char *name, const char *status);

/** The resourceVersion that the VMI has now. */
const char *talk_version(struct talk *t, const char *name);

/** The resourceVersion of a consistent list of the case's VMIs. */
const char *talk_list_version(struct talk *t);

/** resourceVersions as numbers (WCH-12 forbids that to real clients; here they are small). */
unsigned long long talk_number(const char *version);

/** Opens a watch and expects a 200. */
struct api_watch *talk_watch(struct talk *t, const char *path);

/** The next frame, which must come within the deadline. */
const json_t *talk_event(struct talk *t, struct api_watch *watch);

/** The next frame, of which type and object name are as given. */
const json_t *talk_expect_event(struct talk *t, struct api_watch *watch, const char *type, const char *name);

/** The stream ends in order and nothing but bookmarks comes before. */
void talk_expect_end(struct talk *t, struct api_watch *watch);

void talk_close_watch(struct api_watch **watch);
#define AUTO_WATCH __attribute__((cleanup(talk_close_watch)))

/** The last answer has this HTTP code. */
#define EXPECT(t, code) ck_assert_msg((t)->answer.status == (code), "wanted %d: %s", (code), talk_last(t))

/** The last answer is a well-formed v1 Status with this code and reason ("" for none). */
#define EXPECT_REFUSAL(t, code, reason)                                                                      \
	ck_assert_msg(talk_is_refusal((t), (code), (reason)), "wanted %d %s: %s", (code), (reason),          \
		      talk_last(t))
bool talk_is_refusal(struct talk *t, int code, const char *reason);

/** The member of the last answer is this string. */
#define EXPECT_TEXT(t, member, text) ck_assert_str_eq(talk_text((t), (member)), (text))

/** In tables: notes what is wrong and goes on with the next row; EXPECT_NO_MISSES ends the case. */
#define MISS_UNLESS(t, condition, ...)                                                                       \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			buf_printf(&(t)->misses, "\n  ");                                                    \
			buf_printf(&(t)->misses, __VA_ARGS__);                                               \
		}                                                                                            \
	} while (0)
#define EXPECT_NO_MISSES(t) ck_assert_msg((t)->misses.len == 0, "%s", buf_str(&(t)->misses))

/** The list of all cases; each file of cases adds its own. */
struct cases {
	const TTest *all[256];
	size_t len;
};
void cases_add(struct cases *c, const TTest *const *tests, size_t n);

void objects_cases(struct cases *c);
void deletes_cases(struct cases *c);
void patches_cases(struct cases *c);
void writes_cases(struct cases *c);
void lists_cases(struct cases *c);
void watches_cases(struct cases *c);
void leases_cases(struct cases *c);
void events_cases(struct cases *c);
void kubevirts_cases(struct cases *c);
void protocol_cases(struct cases *c);

#endif
