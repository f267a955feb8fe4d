/**
 * document: a JSON value as people ask for it with -o json and -o yaml.
 */
#ifndef CONTROLLER_PLUGIN_DOCUMENT_H
#define CONTROLLER_PLUGIN_DOCUMENT_H

#include <jansson.h>
#include <stdio.h>

#include "controller/plugin/flags.h"

/** Prints @value, with a line end behind it. Returns 0, -ENOMEM or -EIO. */
int document_print(FILE *out, const json_t *value, enum flags_output output);

#endif
