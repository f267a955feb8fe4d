#include "sim/memory.h"

#include "base/arena.h"
#include "sim/sim.h"

void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
void *__real_arena_alloc(struct arena *a, size_t size);

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
void *__wrap_arena_alloc(struct arena *a, size_t size);

/* Whose allocations may fail, NULL for nobody's. A global, because malloc and its like know no other context.
 */
static struct process *victim;

void memory_begin(struct process *p)
{
	victim = p;
}

void memory_end(void)
{
	victim = NULL;
}

void *memory_calloc(size_t count, size_t size)
{
	return __real_calloc(count, size);
}

static bool fails(void)
{
	if (victim == NULL || !sim_strikes(victim->sim, FAULT_NO_MEMORY))
		return false;
	victim->was_short = true;
	TRACE(victim->sim, victim->name, "is short of memory");
	return true;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, count, size);
}

void *__wrap_arena_alloc(struct arena *a, size_t size)
{
	return fails() ? NULL : __real_arena_alloc(a, size);
}
