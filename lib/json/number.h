/**
 * json_number: the grammar of a JSON number (RFC 8259 section 6), byte by byte. The text stays text: what
 * fits in which type is for whoever wants the number.
 */
#ifndef JSON_NUMBER_H
#define JSON_NUMBER_H

#include <stdbool.h>

enum json_number_state {
	JSON_NUMBER_NONE, /* no number begins, or goes on, like this */
	JSON_NUMBER_START,
	JSON_NUMBER_MINUS,
	JSON_NUMBER_ZERO,
	JSON_NUMBER_INTEGER,
	JSON_NUMBER_POINT,
	JSON_NUMBER_FRACTION,
	JSON_NUMBER_E,
	JSON_NUMBER_E_SIGN,
	JSON_NUMBER_EXPONENT,
};

/** Reads what belongs to the number in [@p, @end); returns the first byte that does not, or @end. Set *@state
 * to JSON_NUMBER_START before the first byte. */
const char *json_number_read(enum json_number_state *state, const char *p, const char *end);

/** True where the number may end. */
bool json_number_complete(enum json_number_state state);

#endif
