/**
 * macros: the few language helpers that every file shares.
 */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>
#include <stdlib.h>

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define PRINTF_FORMAT(fmt_index, first_arg) __attribute__((format(printf, fmt_index, first_arg)))

/** A local that is free()d when it leaves its scope; hand it on with STEAL_POINTER(). */
#define AUTO_FREE __attribute__((cleanup(macros_free_pointer)))

/** The value of @p, which is NULL afterwards: ownership leaves the variable. */
#define STEAL_POINTER(p)                                                                                     \
	({                                                                                                   \
		__typeof__(p) stolen_ = (p);                                                                 \
		(p) = NULL;                                                                                  \
		stolen_;                                                                                     \
	})

static inline void macros_free_pointer(void *p)
{
	free(*(void **)p);
}

#endif
