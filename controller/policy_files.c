/* The manifests of the admission policies, byte for byte. The Makefile has this file depend on them. */
#include "controller/policy_files.h"

#define EMBED(name, path)                                                                                    \
	__asm__(".section .rodata\n"                                                                         \
		".global " #name "\n" #name ":\n"                                                            \
		".incbin \"" path "\"\n"                                                                     \
		".byte 0\n"                                                                                  \
		".previous\n")

EMBED(policy_file_guard, "manifests/components/takeover/guard.yaml");
EMBED(policy_file_hold, "manifests/components/takeover/hold.yaml");
EMBED(policy_file_sticky, "manifests/components/takeover/sticky.yaml");
