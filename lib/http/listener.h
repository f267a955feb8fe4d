/**
 * listener: a listening TCP socket.
 */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include <stdint.h>

#include "base/error.h"

/** Binds @address (IPv4 or IPv6, as digits; "::" takes IPv4 too where the system allows that) and listens.
 * Returns a descriptor (non-blocking, close-on-exec) that the caller closes, or -EINVAL (not an address),
 * -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EAFNOSUPPORT, ... with err. */
int listener_open(const char *address, uint16_t port, struct error *err);

/** The port that @fd is bound to; 0 where it is no such socket. */
uint16_t listener_port(int fd);

#endif
