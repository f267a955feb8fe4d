#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "kube/reflector_policy.h"
#include "support/suite.h"

static struct kube_answer answered(int status, const char *reason)
{
	struct kube_answer a = {.status = status, .message = "", .body = ""};

	a.failure.code = status;
	(void)snprintf(a.failure.reason, sizeof(a.failure.reason), "%s", reason);
	return a;
}

static struct kube_answer failed(int error, int status)
{
	return (struct kube_answer){.error = error, .status = status, .message = "lost", .body = ""};
}

/* A watch that was opened, brought something, and ended as @answer says. */
static struct reflector_watch_end ended(const struct kube_answer *answer)
{
	return (struct reflector_watch_end){.answer = answer, .healthy = true};
}

#define assert_verdict(v, want_reason, want_step, want_pace)                                                 \
	do {                                                                                                 \
		struct reflector_verdict v_ = (v);                                                           \
		ck_assert_int_eq(v_.reason, want_reason);                                                    \
		ck_assert_int_eq(v_.step, want_step);                                                        \
		ck_assert_int_eq(v_.pace, want_pace);                                                        \
	} while (0)

START_TEST(a_stream_that_ends_goes_on_where_it_was)
{
	struct kube_answer eof = answered(200, "");
	struct reflector_watch_end end = ended(&eof);

	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_EOF, REFLECTOR_WATCH, REFLECTOR_SPREAD);
	end.full_life = true; /* the servers' ends are spread already by timeoutSeconds */
	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_EOF, REFLECTOR_WATCH, REFLECTOR_NOW);
}
END_TEST

START_TEST(a_lost_connection_is_like_an_end)
{
	static const int errors[] = {-ECONNRESET, -EPIPE, -EPROTO, -EIO, -EHOSTUNREACH};

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct kube_answer lost = failed(errors[i], 200);
		struct reflector_watch_end end = ended(&lost);

		assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_WATCH,
			       REFLECTOR_SPREAD);
		end.full_life = true;
		assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_WATCH,
			       REFLECTOR_SPREAD);
	}
}
END_TEST

START_TEST(our_own_deadline_is_a_stall)
{
	struct kube_answer late = failed(-ETIMEDOUT, 200);
	struct reflector_watch_end end = ended(&late);

	end.full_life = true;
	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_STALLED, REFLECTOR_WATCH,
		       REFLECTOR_SPREAD);
	late.status = 0; /* never answered, or not even connected */
	end = (struct reflector_watch_end){.answer = &late};
	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_WATCH,
		       REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(watches_that_end_at_once_back_off_and_then_list)
{
	struct kube_answer eof = answered(200, "");
	struct reflector_watch_end end = {.answer = &eof};

	for (end.short_watches = 1; end.short_watches < REFLECTOR_SHORT_WATCHES; end.short_watches++)
		assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_EOF, REFLECTOR_WATCH,
			       REFLECTOR_BACKOFF);
	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_EOF, REFLECTOR_LIST, REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(a_server_that_is_away_is_no_reason_for_a_list)
{
	struct kube_answer refused = failed(-ECONNREFUSED, 0);
	struct reflector_watch_end end = {.answer = &refused, .short_watches = 100};

	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_WATCH,
		       REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(an_expired_past_leads_to_a_list_in_each_of_its_forms)
{
	struct kube_answer forms[] = {answered(410, "Gone"), answered(410, "Expired"), answered(410, "")};
	struct kube_answer ok = answered(200, "");

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct reflector_watch_end opening = {.answer = &forms[i]};
		struct reflector_watch_end event = {.answer = &ok,
						    .broken = true,
						    .error_event = true,
						    .event = &forms[i].failure,
						    .healthy = true};

		assert_verdict(reflector_after_watch(&opening), REFLECTOR_RESTART_EXPIRED, REFLECTOR_LIST,
			       REFLECTOR_SPREAD);
		assert_verdict(reflector_after_watch(&event), REFLECTOR_RESTART_EXPIRED, REFLECTOR_LIST,
			       REFLECTOR_SPREAD);
		assert_verdict(reflector_after_list(&forms[i], false, true), REFLECTOR_RESTART_EXPIRED,
			       REFLECTOR_LIST, REFLECTOR_BACKOFF);
		assert_verdict(reflector_after_list(&forms[i], false, false), REFLECTOR_RESTART_EXPIRED,
			       REFLECTOR_LIST, REFLECTOR_NOW);
	}
}
END_TEST

START_TEST(a_past_that_expires_as_soon_as_it_was_listed_backs_off)
{
	struct kube_answer gone = answered(410, "Gone");
	struct kube_answer ok = answered(200, "");
	struct reflector_watch_end opening = {.answer = &gone, .unproven = true};
	struct reflector_watch_end event = {
		.answer = &ok, .error_event = true, .event = &gone.failure, .unproven = true};

	assert_verdict(reflector_after_watch(&opening), REFLECTOR_RESTART_EXPIRED, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
	assert_verdict(reflector_after_watch(&event), REFLECTOR_RESTART_EXPIRED, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(a_throttled_watch_waits_and_does_not_list)
{
	struct kube_answer many = answered(429, "TooManyRequests");
	struct kube_answer ok = answered(200, "");
	struct reflector_watch_end end = {.answer = &many};
	struct reflector_verdict v;

	many.retry_after = true;
	many.retry_after_s = 7;
	many.failure.retry_after_s = 3;
	v = reflector_after_watch(&end);
	assert_verdict(v, REFLECTOR_RESTART_THROTTLED, REFLECTOR_WATCH, REFLECTOR_BACKOFF);
	ck_assert_uint_eq(v.retry_after_s, 7);
	many.failure.retry_after_s = 9;
	ck_assert_uint_eq(reflector_after_watch(&end).retry_after_s, 9);
	end = (struct reflector_watch_end){.answer = &ok, .error_event = true, .event = &many.failure};
	v = reflector_after_watch(&end);
	assert_verdict(v, REFLECTOR_RESTART_THROTTLED, REFLECTOR_WATCH, REFLECTOR_BACKOFF);
	ck_assert_uint_eq(v.retry_after_s, 9);
	v = reflector_after_list(&many, false, true);
	assert_verdict(v, REFLECTOR_RESTART_THROTTLED, REFLECTOR_LIST, REFLECTOR_BACKOFF);
	ck_assert_uint_eq(v.retry_after_s, 9);
}
END_TEST

START_TEST(code_429_counts_whatever_the_reason_says)
{
	struct kube_answer odd = answered(429, "Expired");
	struct reflector_watch_end end = {.answer = &odd};

	ck_assert_int_eq(reflector_after_watch(&end).reason, REFLECTOR_RESTART_THROTTLED);
}
END_TEST

START_TEST(other_refusals_of_a_watch_lead_to_a_list)
{
	static const int codes[] = {400, 401, 403, 500, 503, 504};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct kube_answer no = answered(codes[i], "Whatever");
		struct kube_answer ok = answered(200, "");
		struct reflector_watch_end end = {.answer = &no};
		enum reflector_restart reason =
			codes[i] == 403 ? REFLECTOR_RESTART_FORBIDDEN : REFLECTOR_RESTART_REFUSED;

		assert_verdict(reflector_after_watch(&end), reason, REFLECTOR_LIST, REFLECTOR_BACKOFF);
		end = (struct reflector_watch_end){.answer = &ok, .error_event = true, .event = &no.failure};
		assert_verdict(reflector_after_watch(&end), reason, REFLECTOR_LIST, REFLECTOR_BACKOFF);
	}
}
END_TEST

START_TEST(a_server_that_says_later_is_watched_later)
{
	struct kube_answer draining = answered(503, "ServiceUnavailable");
	struct reflector_watch_end end = {.answer = &draining};

	draining.retry_after = true;
	draining.retry_after_s = 1;
	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_REFUSED, REFLECTOR_WATCH,
		       REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(what_cannot_be_read_leads_to_a_list)
{
	struct kube_answer ok = answered(200, "");
	struct kube_answer aborted = failed(-EBADMSG, 200);
	struct reflector_watch_end end = ended(&aborted);

	end.broken = true;
	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_DECODE, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
	end.error_event = true; /* without a Status */
	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_DECODE, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
	assert_verdict(reflector_after_list(&ok, true, true), REFLECTOR_RESTART_DECODE, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
	assert_verdict(reflector_after_list(&ok, true, false), REFLECTOR_RESTART_DECODE, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(a_404_asks_what_is_served)
{
	struct kube_answer absent = answered(404, "NotFound");
	struct kube_answer ok = answered(200, "");
	struct reflector_watch_end end = {.answer = &absent};
	struct reflector_verdict v = reflector_after_watch(&end);

	assert_verdict(v, REFLECTOR_RESTART_ABSENT, REFLECTOR_DISCOVER, REFLECTOR_BACKOFF);
	ck_assert(v.absent);
	v = reflector_after_list(&absent, false, true);
	assert_verdict(v, REFLECTOR_RESTART_ABSENT, REFLECTOR_DISCOVER, REFLECTOR_BACKOFF);
	ck_assert(v.absent);
	end = (struct reflector_watch_end){.answer = &ok, .error_event = true, .event = &absent.failure};
	assert_verdict(reflector_after_watch(&end), REFLECTOR_RESTART_ABSENT, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(a_list_that_broke_off_is_listed_again)
{
	struct kube_answer lost = failed(-ECONNRESET, 200);
	struct kube_answer silent = failed(-ETIMEDOUT, 200);
	struct kube_answer away = failed(-ETIMEDOUT, 0);

	assert_verdict(reflector_after_list(&lost, false, false), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
	assert_verdict(reflector_after_list(&silent, false, true), REFLECTOR_RESTART_STALLED, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
	assert_verdict(reflector_after_list(&away, false, true), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_LIST,
		       REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(failures_are_put_into_words)
{
	struct kube_answer lost = failed(-ECONNRESET, 200);
	struct kube_answer no = answered(403, "Forbidden");
	struct kube_answer ok = answered(200, "");
	struct error err;

	(void)snprintf(no.failure.message, sizeof(no.failure.message), "you may not");
	ck_assert_int_eq(reflector_explain(&lost, &err), -ECONNRESET);
	ck_assert_str_eq(err.message, "lost");
	ck_assert_int_lt(reflector_explain(&no, &err), 0);
	ck_assert_str_eq(err.message, "HTTP 403 Forbidden: you may not");
	ck_assert_int_lt(reflector_explain(&ok, &err), 0);
	ck_assert_str_eq(err.message, "the server ended the watch");
}
END_TEST

#define assert_stream_verdict(v, want_reason, want_pace, want_paged)                                         \
	do {                                                                                                 \
		struct reflector_verdict w_ = (v);                                                           \
		assert_verdict(w_, want_reason, REFLECTOR_LIST, want_pace);                                  \
		ck_assert_int_eq(w_.paged, want_paged);                                                      \
	} while (0)

START_TEST(a_refused_stream_leads_to_pages_unless_time_or_the_path_is_wrong)
{
	struct kube_answer invalid = answered(422, "Invalid");
	struct kube_answer forbidden = answered(403, "Forbidden");
	struct kube_answer busy = answered(429, "TooManyRequests");
	struct kube_answer starting = answered(503, "ServiceUnavailable");
	struct kube_answer absent = answered(404, "NotFound");
	struct reflector_stream_end end = {.answer = &invalid};

	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_REFUSED, REFLECTOR_NOW, true);
	end.answer = &forbidden;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_FORBIDDEN, REFLECTOR_NOW, true);
	end.answer = &busy;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_THROTTLED, REFLECTOR_BACKOFF,
			      false);
	starting.retry_after = true;
	starting.retry_after_s = 5;
	end.answer = &starting;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_REFUSED, REFLECTOR_BACKOFF,
			      false);
	ck_assert_uint_eq(reflector_after_stream(&end).retry_after_s, 5);
	end.answer = &absent;
	assert_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_ABSENT, REFLECTOR_DISCOVER,
		       REFLECTOR_BACKOFF);
}
END_TEST

START_TEST(a_stream_that_ends_before_its_mark_is_no_list)
{
	struct kube_answer eof = answered(200, "");
	struct kube_answer lost = failed(-ECONNRESET, 200);
	struct kube_answer refused = failed(-ECONNREFUSED, 0);
	struct kube_answer late = failed(-ETIMEDOUT, 200);
	struct kube_answer cancelled = failed(-ECANCELED, 200);
	struct kube_status expired = {.code = 410, .reason = "Expired"};
	struct reflector_stream_end end = {.answer = &eof};

	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_EOF, REFLECTOR_BACKOFF, true);
	end.answer = &lost;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_BACKOFF,
			      false);
	end.answer = &refused;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_BACKOFF,
			      false);
	end.in_a_row = REFLECTOR_STREAM_TRIES;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_TRANSPORT, REFLECTOR_BACKOFF,
			      true);
	end.in_a_row = 0;
	end.answer = &late;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_STALLED, REFLECTOR_BACKOFF,
			      true);
	end = (struct reflector_stream_end){.answer = &cancelled, .stalled = true};
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_STALLED, REFLECTOR_BACKOFF,
			      true);
	end = (struct reflector_stream_end){.answer = &cancelled, .broken = true};
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_DECODE, REFLECTOR_BACKOFF,
			      true);
	end.error_event = true;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_DECODE, REFLECTOR_BACKOFF,
			      true);
	end.event = &expired;
	assert_stream_verdict(reflector_after_stream(&end), REFLECTOR_RESTART_EXPIRED, REFLECTOR_BACKOFF,
			      false);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_stream_that_ends_goes_on_where_it_was,
		a_lost_connection_is_like_an_end,
		our_own_deadline_is_a_stall,
		watches_that_end_at_once_back_off_and_then_list,
		a_server_that_is_away_is_no_reason_for_a_list,
		an_expired_past_leads_to_a_list_in_each_of_its_forms,
		a_past_that_expires_as_soon_as_it_was_listed_backs_off,
		a_throttled_watch_waits_and_does_not_list,
		code_429_counts_whatever_the_reason_says,
		other_refusals_of_a_watch_lead_to_a_list,
		a_server_that_says_later_is_watched_later,
		what_cannot_be_read_leads_to_a_list,
		a_404_asks_what_is_served,
		a_list_that_broke_off_is_listed_again,
		failures_are_put_into_words,
		a_refused_stream_leads_to_pages_unless_time_or_the_path_is_wrong,
		a_stream_that_ends_before_its_mark_is_no_list,
	};

	return suite_run("reflector_policy", tests, ARRAY_LEN(tests));
}
