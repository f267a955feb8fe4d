#include "controller/kubevirt_version.h"

#include <ctype.h>
#include <string.h>

/* No part of a version is larger; what is, is a date or a build number. */
#define MAX_PART 9999u

static bool read_part(const char **text, uint32_t *out)
{
	const char *start = *text;

	for (*out = 0; isdigit((unsigned char)**text); (*text)++) {
		*out = *out * 10 + (uint32_t)(**text - '0');
		if (*out > MAX_PART)
			return false;
	}
	return *text > start;
}

static bool read_dot(const char **text)
{
	if (**text != '.')
		return false;
	(*text)++;
	return true;
}

/* "-123-gd923fdb", and perhaps "-dirty": so many commits after the tag. */
static bool is_later_build(const char *suffix)
{
	const char *p = suffix;
	uint32_t commits;

	return *p++ == '-' && read_part(&p, &commits) && p[0] == '-' && p[1] == 'g' &&
	       isxdigit((unsigned char)p[2]);
}

struct kubevirt_version kubevirt_version_parse(const char *text)
{
	static const struct kubevirt_version unknown;
	struct kubevirt_version v = {.known = true};
	const char *p = *text == 'v' ? text + 1 : text;

	if (!read_part(&p, &v.major) || !read_dot(&p) || !read_part(&p, &v.minor) || !read_dot(&p) ||
	    !read_part(&p, &v.patch) || (*p != '\0' && *p != '-' && *p != '+'))
		return unknown;
	v.before = *p == '-' && v.patch == 0 && !is_later_build(p) && strncmp(p, "-rc", 3) != 0;
	return v;
}

bool kubevirt_version_at_least(const struct kubevirt_version *v, uint32_t major, uint32_t minor)
{
	if (!v->known || v->major != major)
		return v->known && v->major > major;
	return v->minor >= minor;
}

bool kubevirt_version_is_before(const struct kubevirt_version *v, uint32_t major, uint32_t minor)
{
	return v->known && v->before && v->major == major && v->minor == minor;
}
