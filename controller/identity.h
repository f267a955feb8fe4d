/**
 * identity: names and UIDs as objects have them, read with suspicion: they go into paths, patches and logs.
 * Pure.
 */
#ifndef CONTROLLER_IDENTITY_H
#define CONTROLLER_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "json/reader.h"

/** Copies a string of 1 .. @room - 1 bytes that needs no escaping anywhere: printable ASCII without quotes,
 * slashes, per cent and the like, and neither "." nor ".." (REQ-9). False, with @out "", where @value is
 * anything else. */
bool identity_read(char *out, size_t room, const struct json_value *value);

#endif
