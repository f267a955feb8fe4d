/**
 * tree_write: a tree as text in the form in which the API server stores and sends it: no white space, members
 * sorted, strings escaped and numbers written as Go's encoding/json does after a decode (1e3 becomes 1000,
 * invalid UTF-8 becomes U+FFFD).
 */
#ifndef APISIM_TREE_WRITE_H
#define APISIM_TREE_WRITE_H

#include "apisim/tree.h"
#include "base/buf.h"

void tree_write(struct buf *out, const struct node *n);

/** Only the members of an object (no braces), each preceded by a comma, without apiVersion. kind comes first
 * where there is one: `,"kind":"Lease","metadata":{...}`. */
void tree_write_tail(struct buf *out, const struct node *object);

/** Both would be written as the same text. */
bool tree_write_same(const struct node *a, const struct node *b);

/** A number as Go prints a float64 in JSON; for messages too. */
void tree_write_double(struct buf *out, double value);

#endif
