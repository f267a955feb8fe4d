#include "kube/rv.h"

#include <string.h>

void rv_read(char out[static RV_SIZE], const char *text, size_t len)
{
	bool usable = len < RV_SIZE && memchr(text, '\0', len) == NULL && !(len == 1 && text[0] == '0');

	if (!usable)
		len = 0;
	memcpy(out, text, len);
	out[len] = '\0';
}

static bool well_formed(const char *rv)
{
	return rv[0] >= '1' && rv[0] <= '9' && rv[strspn(rv, "0123456789")] == '\0';
}

bool rv_compare(const char *a, const char *b, int *order)
{
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);

	*order = 0;
	if (strcmp(a, b) == 0)
		return true;
	if (!well_formed(a) || !well_formed(b))
		return false;
	if (a_len != b_len)
		*order = a_len < b_len ? -1 : 1;
	else
		*order = strcmp(a, b);
	return true;
}
