#include "json/number.h"

#include <stdint.h>

enum byte_class { OTHER, ZERO, DIGIT, SIGN_MINUS, SIGN_PLUS, POINT, LETTER_E, CLASSES };

static const uint8_t classes[256] = {
	['0'] = ZERO,       ['1'] = DIGIT,     ['2'] = DIGIT, ['3'] = DIGIT,    ['4'] = DIGIT,
	['5'] = DIGIT,      ['6'] = DIGIT,     ['7'] = DIGIT, ['8'] = DIGIT,    ['9'] = DIGIT,
	['-'] = SIGN_MINUS, ['+'] = SIGN_PLUS, ['.'] = POINT, ['e'] = LETTER_E, ['E'] = LETTER_E,
};

#define DIGITS(state) [ZERO] = (state), [DIGIT] = (state)

static const uint8_t moves[][CLASSES] = {
	[JSON_NUMBER_START] =
		{[SIGN_MINUS] = JSON_NUMBER_MINUS, [ZERO] = JSON_NUMBER_ZERO, [DIGIT] = JSON_NUMBER_INTEGER},
	[JSON_NUMBER_MINUS] = {[ZERO] = JSON_NUMBER_ZERO, [DIGIT] = JSON_NUMBER_INTEGER},
	[JSON_NUMBER_ZERO] = {[POINT] = JSON_NUMBER_POINT, [LETTER_E] = JSON_NUMBER_E},
	[JSON_NUMBER_INTEGER] =
		{DIGITS(JSON_NUMBER_INTEGER), [POINT] = JSON_NUMBER_POINT, [LETTER_E] = JSON_NUMBER_E},
	[JSON_NUMBER_POINT] = {DIGITS(JSON_NUMBER_FRACTION)},
	[JSON_NUMBER_FRACTION] = {DIGITS(JSON_NUMBER_FRACTION), [LETTER_E] = JSON_NUMBER_E},
	[JSON_NUMBER_E] = {DIGITS(JSON_NUMBER_EXPONENT), [SIGN_MINUS] = JSON_NUMBER_E_SIGN,
			   [SIGN_PLUS] = JSON_NUMBER_E_SIGN},
	[JSON_NUMBER_E_SIGN] = {DIGITS(JSON_NUMBER_EXPONENT)},
	[JSON_NUMBER_EXPONENT] = {DIGITS(JSON_NUMBER_EXPONENT)},
};

const char *json_number_read(enum json_number_state *state, const char *p, const char *end)
{
	uint8_t now = (uint8_t)*state;

	for (; p < end; p++) {
		uint8_t next = moves[now][classes[(unsigned char)*p]];

		if (next == JSON_NUMBER_NONE)
			break;
		now = next;
	}
	*state = now;
	return p;
}

bool json_number_complete(enum json_number_state state)
{
	return state == JSON_NUMBER_ZERO || state == JSON_NUMBER_INTEGER || state == JSON_NUMBER_FRACTION ||
	       state == JSON_NUMBER_EXPONENT;
}
