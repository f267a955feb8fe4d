#include "kube/reflector_object.h"

enum { OBJECT_RV = REFLECTOR_OBJECT_FIRST, OBJECT_FIELDS };

int reflector_object_want(const struct reflector_object *o, struct json_filter *f, const char *const *place)
{
	static const char *const rv_path[] = {"metadata", "resourceVersion", NULL};
	int rc = json_filter_add(f, place, rv_path, OBJECT_RV);

	for (size_t i = 0; i < o->field_count && rc == 0; i++)
		rc = json_filter_add(f, place, o->fields[i].path, OBJECT_FIELDS + (int)i);
	return rc;
}

void reflector_object_begin(struct reflector_object *o)
{
	o->rv[0] = '\0';
	if (!o->muted && !o->stopped)
		o->handler->begin(o->data);
}

void reflector_object_value(struct reflector_object *o, int field, const struct json_value *value)
{
	if (field == OBJECT_RV)
		reflector_object_read_rv(o->rv, value);
	else if (!o->muted && !o->stopped)
		o->handler->value(o->data, o->fields[field - OBJECT_FIELDS].id, value);
}

void reflector_object_end(struct reflector_object *o, enum reflector_event event)
{
	if (!o->muted && !o->stopped)
		o->handler->object(o->data, event, o->rv);
}

void reflector_object_read_rv(char out[static RV_SIZE], const struct json_value *value)
{
	bool whole = value->kind == JSON_VALUE_STRING && !value->cut;

	rv_read(out, value->text, whole ? value->len : 0);
}
