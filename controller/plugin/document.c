#include "controller/plugin/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/macros.h"

/* ---- YAML ---- */

static bool emit(yaml_emitter_t *e, yaml_event_t *event)
{
	return yaml_emitter_emit(e, event) == 1;
}

/* Whether a YAML reader would take the plain text for something else than a string. Quoting one too many does
 * no harm. */
static bool needs_quotes(const char *text)
{
	static const char *const words[] = {"null", "~", "true", "false", "yes", "no", "on", "off", "y", "n"};

	if (text[0] == '\0' || strchr("-+.0123456789", text[0]) != NULL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return false;
}

static bool emit_scalar(yaml_emitter_t *e, const char *text, bool is_string)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t event;

	if (is_string && needs_quotes(text))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text),
					    1, 1, style) == 1 &&
	       emit(e, &event);
}

static bool emit_value(yaml_emitter_t *e, const json_t *value);

static bool emit_object(yaml_emitter_t *e, const json_t *object)
{
	yaml_event_t event;
	const char *key;
	json_t *member;
	bool good =
		yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) == 1 &&
		emit(e, &event);

	json_object_foreach((json_t *)object, key, member) good =
		good && emit_scalar(e, key, true) && emit_value(e, member);
	return good && yaml_mapping_end_event_initialize(&event) == 1 && emit(e, &event);
}

static bool emit_array(yaml_emitter_t *e, const json_t *array)
{
	yaml_event_t event;
	bool good =
		yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) == 1 &&
		emit(e, &event);

	for (size_t i = 0; good && i < json_array_size(array); i++)
		good = emit_value(e, json_array_get(array, i));
	return good && yaml_sequence_end_event_initialize(&event) == 1 && emit(e, &event);
}

static bool emit_value(yaml_emitter_t *e, const json_t *value)
{
	AUTO_FREE char *text = NULL;

	if (json_is_object(value))
		return emit_object(e, value);
	if (json_is_array(value))
		return emit_array(e, value);
	if (json_is_string(value))
		return emit_scalar(e, json_string_value(value), true);
	text = json_dumps(value, JSON_ENCODE_ANY);
	return text != NULL && emit_scalar(e, text, false);
}

static bool print_yaml(FILE *out, const json_t *value)
{
	yaml_emitter_t e;
	yaml_event_t event;
	bool good;

	if (yaml_emitter_initialize(&e) != 1)
		return false;
	yaml_emitter_set_output_file(&e, out);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_width(&e, -1);
	good = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) == 1 && emit(&e, &event) &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) == 1 && emit(&e, &event) &&
	       emit_value(&e, value) && yaml_document_end_event_initialize(&event, 1) == 1 &&
	       emit(&e, &event) && yaml_stream_end_event_initialize(&event) == 1 && emit(&e, &event);
	yaml_emitter_delete(&e);
	return good;
}

int document_print(FILE *out, const json_t *value, enum flags_output output)
{
	bool good = output == FLAGS_YAML ? print_yaml(out, value)
					 : json_dumpf(value, out, JSON_INDENT(4) | JSON_ENCODE_ANY) == 0 &&
						   fputc('\n', out) >= 0;

	return good && fflush(out) == 0 ? 0 : -EIO;
}
