#include "controller/identity.h"

#include <string.h>

/* Printable ASCII that means something in JSON, in a path or in HTML. */
static const bool is_special[256] = {
	['"'] = true, ['\\'] = true, ['/'] = true, ['%'] = true, ['?'] = true,
	['#'] = true, ['<'] = true,  ['>'] = true, ['&'] = true,
};

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || is_special[(unsigned char)text[i]])
			return false;
	return strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

bool identity_read(char *out, size_t room, const struct json_value *value)
{
	out[0] = '\0';
	if (value->kind != JSON_VALUE_STRING || value->cut || value->len == 0 || value->len >= room ||
	    !is_plain(value->text, value->len))
		return false;
	memcpy(out, value->text, value->len + 1);
	return true;
}
