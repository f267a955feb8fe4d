/**
 * memory: makes the allocator's allocations fail now and then.
 *
 * The program is linked with --wrap for the functions with which the core asks for memory (calloc,
 * reallocarray, arena_alloc). Only what is called between memory_begin() and memory_end() meets failures.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stddef.h>

struct process;

void memory_begin(struct process *p);
void memory_end(void);

/** calloc() that never fails here. */
void *memory_calloc(size_t count, size_t size);

#endif
