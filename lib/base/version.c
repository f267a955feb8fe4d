#include "base/version.h"

/* Only this file is compiled anew when the commit changes. */
#ifndef VSOCK_VERSION
#define VSOCK_VERSION "unknown"
#endif

const char version_text[] = VSOCK_VERSION;
