#include "bench/curl_loop.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/meter.h"

#define EVENTS 64

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *known)
{
	struct curl_loop *l = data;
	struct epoll_event e = {.data.fd = fd};

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		e.events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		e.events |= EPOLLOUT;
	(void)epoll_ctl(l->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
	curl_multi_assign(l->multi, fd, l); /* anything but NULL */
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *data)
{
	struct curl_loop *l = data;

	(void)multi;
	l->due_us = timeout_ms >= 0 ? meter_now_us() + timeout_ms * 1000 : -1;
	return 0;
}

int curl_loop_open(struct curl_loop *l, int signals, void (*on_done)(void *data, CURL *easy, CURLcode code),
		   void *data)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = signals};

	*l = (struct curl_loop){.signals = signals, .due_us = -1, .on_done = on_done, .data = data};
	l->multi = curl_multi_init();
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->multi == NULL || l->epoll < 0)
		return -ENOMEM;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, signals, &e) != 0)
		return -errno;
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	return 0;
}

void curl_loop_close(struct curl_loop *l)
{
	if (l->multi != NULL)
		curl_multi_cleanup(l->multi);
	if (l->epoll >= 0)
		close(l->epoll);
}

static void reap(struct curl_loop *l)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(l->multi, &left)) != NULL) {
		CURL *easy = msg->easy_handle;
		CURLcode code = msg->data.result; /* msg does not outlive the removal of its handle */

		curl_multi_remove_handle(l->multi, easy);
		l->on_done(l->data, easy, code);
	}
}

static int patience_ms(const struct curl_loop *l)
{
	long long left = l->due_us >= 0 ? l->due_us - meter_now_us() : -1000;

	if (left < 0)
		return l->due_us >= 0 ? 0 : -1;
	return (int)((left + 999) / 1000);
}

void curl_loop_turn(struct curl_loop *l)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(l->epoll, events, EVENTS, patience_ms(l));
	int running;

	for (int i = 0; i < n; i++) {
		int what = ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? CURL_CSELECT_IN : 0) |
			   ((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0);

		if (events[i].data.fd == l->signals) {
			l->signalled = true;
			continue;
		}
		curl_multi_socket_action(l->multi, events[i].data.fd, what, &running);
		reap(l);
	}
	if (l->due_us >= 0 && meter_now_us() >= l->due_us) {
		l->due_us = -1;
		curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		reap(l);
	}
}
