/**
 * curl_loop: the leanest way to drive libcurl with many sockets: curl_multi_socket_action() on an epoll,
 * without a loop library between. What it costs is the floor under everybody who uses libcurl.
 */
#ifndef BENCH_CURL_LOOP_H
#define BENCH_CURL_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>

struct curl_loop {
	CURLM *multi;
	int epoll;
	int signals;      /* a signalfd that ends a turn, too */
	long long due_us; /* when libcurl wants to be called, -1: not at all */
	bool signalled;   /* signals was readable; the owner reads it */
	void (*on_done)(void *data, CURL *easy, CURLcode code); /* the handle is in the multi no more */
	void *data;
};

/** @signals is borrowed. Returns 0 or a negative errno; curl_loop_close() is due in both cases. */
int curl_loop_open(struct curl_loop *l, int signals, void (*on_done)(void *data, CURL *easy, CURLcode code),
		   void *data);
void curl_loop_close(struct curl_loop *l);

/** Waits until there is something to do, does it, and tells of what has ended. */
void curl_loop_turn(struct curl_loop *l);

#endif
