/**
 * table: the demo's table: one line for each VMI with a name of its own, one a namespace for the crowd, and
 * what the controller is up to.
 */
#ifndef DEMO_TABLE_H
#define DEMO_TABLE_H

#include "demo/cluster.h"

/** Puts what the last look has shown on the screen. */
void table_draw(struct cluster *c);

#endif
