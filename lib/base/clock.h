/**
 * clock: the two clocks of the program. The core never calls these; the shell hands their values in.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/** Milliseconds that never go back and that go on while the machine is suspended (CLOCK_BOOTTIME): for every
 * deadline on which safety rests (kubernetes-client.md LE-6). */
uint64_t clock_boot_ms(void);

/** Microseconds since 1970 UTC: for what people and other machines read, never for deadlines. */
uint64_t clock_wall_us(void);

/** Writes @wall_us as "2006-01-02T15:04:05.000000Z" (LE-1: exactly 6 fraction digits) into @out,
 * NUL-terminated. */
#define CLOCK_TEXT_SIZE 28
void clock_format_us(uint64_t wall_us, char out[static CLOCK_TEXT_SIZE]);

#endif
