/**
 * option_rule: the table of command line options: name, value, default, words for --help, and the function
 * that checks a value and takes it over. Used by options.c, and by settings.c for those that may change while
 * the program runs.
 */
#ifndef CONTROLLER_OPTION_RULE_H
#define CONTROLLER_OPTION_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cid/range.h"
#include "controller/options.h"

struct option_rule {
	const char *name;  /* NULL: a heading, its text in help */
	const char *value; /* what --help calls the value; NULL: a flag */
	/** Takes over @text (a flag's is "") into @member. On failure err says what is wrong with the value,
	 * without the option's name. NULL: --help and --version, which end the parsing. */
	int (*set)(void *member, const struct option_rule *rule, const char *text, struct error *err);
	size_t offset;        /* of the member in struct options; of a live one in struct settings_values */
	bool live;            /* a setting, too */
	uint32_t least, most; /* of numbers; durations in ms */
	const char *fallback; /* default, taken over as if it were given; NULL: none */
	const char *help;
};

extern const struct option_rule option_rules[];
extern const size_t option_rule_count;

/** That of the option whose name is the @n bytes at @name, NULL where there is none. */
const struct option_rule *option_rule_find(const char *name, size_t n);

/** A given text for a message: cut, on one line. */
#define OPTION_MAX_SHOWN 60
struct option_shown {
	char text[OPTION_MAX_SHOWN + 1];
};
struct option_shown option_show(const char *text);

#endif
