/* SPDX-License-Identifier: MIT */
/*
 * One SEQPACKET packet of an exact size with descriptors: what protocol.h's messages and the box's inner messages (inner.h) both travel in.
 * Thread: any; no state. Returns 0, or -1 with errno as protocol.h says.
 */
#ifndef SP_BOX_WIRE_H
#define SP_BOX_WIRE_H

#include <stddef.h>

#include "base/attr.h"

/* Sends exactly n bytes with nfds ≤ SP_BOX_FDS_MAX descriptors, which stay the caller's. `flags` is added to MSG_NOSIGNAL (MSG_DONTWAIT). */
int sp_wire_send(int sock, const void *p, size_t n, const int *fds, unsigned nfds, int flags) SP_MUSTCHECK;

/* Receives one packet of exactly n bytes and at most max_fds descriptors (*nfds of them, O_CLOEXEC, now the caller's). A packet of another
 * size, or with more descriptors or other ancillary data, is EPROTO: its descriptors are closed. End of file is ECONNRESET. */
int sp_wire_recv(int sock, void *p, size_t n, int *fds, unsigned max_fds, unsigned *nfds, int flags) SP_MUSTCHECK;

/* Closes a descriptor that a peer without our trust has passed. Not close() alone: the last close of a TCP socket waits as long as its SO_LINGER says. */
void sp_wire_drop(int fd);

#endif
