#include "support/fetch.h"

#include <check.h>
#include <openssl/crypto.h>
#include <string.h>

#include "support/loop.h"

static size_t on_bytes(char *bytes, size_t size, size_t n, void *data)
{
	return buf_add(data, bytes, size * n) == 0 ? size * n : 0;
}

static void set_request(struct fetch *f)
{
	(void)curl_easy_setopt(f->easy, CURLOPT_URL, f->url);
	(void)curl_easy_setopt(f->easy, CURLOPT_HTTP_VERSION,
			       f->http_version != 0 ? f->http_version : CURL_HTTP_VERSION_1_1);
	if (f->body != NULL)
		(void)curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, f->body);
	if (f->method != NULL && strcmp(f->method, "HEAD") == 0)
		(void)curl_easy_setopt(f->easy, CURLOPT_NOBODY, 1L);
	else if (f->method != NULL)
		(void)curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, f->method);
}

static void set_transport(struct fetch *f)
{
	(void)curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(f->easy, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)LOOP_DEADLINE_MS);
	(void)curl_easy_setopt(f->easy, CURLOPT_CERTINFO, 1L);
	(void)curl_easy_setopt(f->easy, CURLOPT_SSLVERSION, f->tls_version);
	(void)curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_bytes);
	(void)curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, &f->answer);
	(void)curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, on_bytes);
	(void)curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, &f->headers);
	if (f->ca_pem != NULL) {
		struct curl_blob blob = {(void *)(uintptr_t)f->ca_pem, strlen(f->ca_pem), CURL_BLOB_COPY};

		(void)curl_easy_setopt(f->easy, CURLOPT_CAINFO_BLOB, &blob);
		(void)curl_easy_setopt(f->easy, CURLOPT_CAPATH, NULL);
	} else {
		(void)curl_easy_setopt(f->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(f->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void read_certificate(struct fetch *f)
{
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(f->easy, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL ||
	    info->num_of_certs < 1)
		return;
	for (struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next)
		if (strncmp(line->data, "Cert:", 5) == 0)
			(void)buf_add_str(&f->certificate, line->data + 5);
}

static void work(uv_work_t *req)
{
	struct fetch *f = req->data;
	struct curl_slist *headers = f->header != NULL ? curl_slist_append(NULL, f->header) : NULL;

	curl_easy_reset(f->easy);
	set_request(f);
	set_transport(f);
	(void)curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, headers);
	f->result = curl_easy_perform(f->easy);
	(void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &f->status);
	(void)curl_easy_getinfo(f->easy, CURLINFO_NUM_CONNECTS, &f->connects);
	(void)curl_easy_getinfo(f->easy, CURLINFO_HTTP_VERSION, &f->version);
	read_certificate(f);
	(void)curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	OPENSSL_thread_stop(); /* the pool's threads outlive the test, for valgrind */
}

static void after_work(uv_work_t *req, int status)
{
	struct fetch *f = req->data;

	ck_assert_int_eq(status, 0);
	f->done = true;
}

void fetch_start(uv_loop_t *loop, struct fetch *f)
{
	if (f->easy == NULL) {
		f->easy = curl_easy_init();
		buf_init(&f->answer, FETCH_MAX_BODY);
		buf_init(&f->headers, 65536);
		buf_init(&f->certificate, 65536);
	}
	ck_assert_ptr_nonnull(f->easy);
	buf_reset(&f->answer);
	buf_reset(&f->headers);
	buf_reset(&f->certificate);
	f->done = false;
	f->work.data = f;
	ck_assert_int_eq(uv_queue_work(loop, &f->work, work, after_work), 0);
}

void fetch_run(uv_loop_t *loop, struct fetch *f)
{
	fetch_start(loop, f);
	LOOP_UNTIL(loop, f->done);
}

void fetch_free(struct fetch *f)
{
	curl_easy_cleanup(f->easy);
	buf_free(&f->answer);
	buf_free(&f->headers);
	buf_free(&f->certificate);
	f->easy = NULL;
}
