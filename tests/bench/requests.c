#include "bench/requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void requests_init(struct requests *r, const char *server, uint32_t first_cid)
{
	*r = (struct requests){.server = server, .next_cid = first_cid};
}

void requests_free(struct requests *r)
{
	for (size_t i = 0; i < r->len; i++) {
		free(r->list[i].url);
		free(r->list[i].body);
	}
	free(r->list);
	*r = (struct requests){0};
}

static int grow(struct requests *r)
{
	size_t room = r->room == 0 ? 1024 : r->room * 2;
	struct request *list = reallocarray(r->list, room, sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	r->list = list;
	r->room = room;
	return 0;
}

int requests_add(struct requests *r, const struct frame_vmi *vmi)
{
	struct request *request;
	int len;

	if (!vmi->wants || vmi->cid >= 0 || vmi->number < 0 || vmi->namespace.at == NULL ||
	    vmi->uid.at == NULL || vmi->phase.at == NULL)
		return 0;
	if (r->len == r->room && grow(r) != 0)
		return -ENOMEM;
	request = &r->list[r->len];
	if (asprintf(&request->url,
		     "%s/apis/kubevirt.io/v1/namespaces/%.*s/virtualmachineinstances/" FRAME_VMI_PREFIX
		     "%06ld",
		     r->server, (int)vmi->namespace.len, vmi->namespace.at, vmi->number) < 0)
		return -ENOMEM;
	len = asprintf(&request->body,
		       "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"%.*s\"},"
		       "{\"op\":\"test\",\"path\":\"/status/phase\",\"value\":\"%.*s\"},"
		       "{\"op\":\"test\",\"path\":\"/status/VSOCKCID\",\"value\":null},"
		       "{\"op\":\"add\",\"path\":\"/status/VSOCKCID\",\"value\":%u}]",
		       (int)vmi->uid.len, vmi->uid.at, (int)vmi->phase.len, vmi->phase.at, r->next_cid);
	if (len < 0) {
		free(request->url);
		return -ENOMEM;
	}
	request->body_len = (size_t)len;
	r->next_cid++;
	r->len++;
	return 0;
}
