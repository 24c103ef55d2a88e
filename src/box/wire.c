/* SPDX-License-Identifier: MIT */
/* The transport of protocol.h. This, paths and patterns are the code that serapis-box and the service share. Reads nothing but sizes and descriptors. */
#include "box/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "box/protocol.h"

int sp_wire_send(int sock, const void *p, size_t n, const int *fds, unsigned nfds, int flags)
{
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(SP_BOX_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)p, n}; /* sendmsg does not write through it */
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfds > SP_BOX_FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (nfds) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		memset(control.bytes, 0, m.msg_controllen);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	ssize_t r;
	do r = sendmsg(sock, &m, MSG_NOSIGNAL | flags);
	while (r < 0 && errno == EINTR);
	if (r < 0) return -1;
	if ((size_t)r != n) { /* a SEQPACKET socket sends whole packets; another kind of socket was passed */
		errno = EPROTO;
		return -1;
	}
	return 0;
}

void sp_wire_drop(int fd)
{
	/* The description is shared, so this is what its last close goes by; on anything but a socket it fails, and there is nothing to say. */
	struct linger none = {.l_onoff = 1, .l_linger = 0};
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	close(fd);
}

int sp_wire_recv(int sock, void *p, size_t n, int *fds, unsigned max_fds, unsigned *nfds, int flags)
{
	/* Room for as many descriptors as the kernel passes in one message (SCM_MAX_FD), so that a peer that sends too many gets its
	 * packet refused and its descriptors closed by us, and MSG_CTRUNC remains what it should be: impossible, hence fatal. */
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(253 * sizeof(int)) + 256];
	} control;
	char spill;
	struct iovec iov[2] = {{p, n}, {&spill, 1}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};

	ssize_t r;
	do r = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | flags);
	while (r < 0 && errno == EINTR);
	if (r < 0) return -1;

	bool bad = (m.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
	unsigned got = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			bad = true;
			continue;
		}
		size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < k; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
			if (got < max_fds) {
				fds[got++] = fd;
			} else {
				bad = true;
				sp_wire_drop(fd);
			}
		}
	}
	if (r == 0 && got == 0 && !bad) {
		errno = ECONNRESET; /* end of file; an empty packet is as useless and ends the channel as well */
		return -1;
	}
	if (bad || (size_t)r != n) {
		while (got) sp_wire_drop(fds[--got]);
		errno = EPROTO;
		return -1;
	}
	*nfds = got;
	return 0;
}

int sp_box_send(int sock, struct sp_box_msg *msg, const int *fds, unsigned nfds)
{
	msg->magic = SP_BOX_MAGIC;
	msg->version = SP_BOX_VERSION;
	msg->nfds = nfds;
	return sp_wire_send(sock, msg, sizeof *msg, fds, nfds, 0);
}

/* How many descriptors a message of this type carries: [*lo, *hi]. False for a type that does not exist. */
static bool fd_range(uint32_t type, unsigned *lo, unsigned *hi)
{
	switch ((enum sp_box_type)type) {
	case SP_BOX_HELLO:
	case SP_BOX_KILL:
	case SP_BOX_END:
	case SP_BOX_BEGUN:
	case SP_BOX_DONE:
	case SP_BOX_ENDED:
	case SP_BOX_ERROR: *lo = *hi = 0; return true;
	case SP_BOX_BEGIN: *lo = 0, *hi = 1; return true;
	case SP_BOX_COLLECT: *lo = *hi = 1; return true;
	case SP_BOX_STEP:
	case SP_BOX_STARTED: *lo = 1, *hi = 2; return true;
	case SP_BOX_READY: *lo = 1, *hi = SP_BOX_SLOTS_MAX; return true;
	}
	return false;
}

int sp_box_recv(int sock, struct sp_box_msg *msg, int fds[SP_BOX_FDS_MAX])
{
	unsigned n = 0, lo, hi;
	if (sp_wire_recv(sock, msg, sizeof *msg, fds, SP_BOX_FDS_MAX, &n, 0) < 0) return -1;
	if (msg->magic == SP_BOX_MAGIC && msg->version == SP_BOX_VERSION && fd_range(msg->type, &lo, &hi) && n == msg->nfds && n >= lo &&
	        n <= hi)
		return 0;
	while (n) sp_wire_drop(fds[--n]);
	errno = EPROTO;
	return -1;
}

int sp_box_check_sealed(int fd, uint64_t max, uint64_t *size)
{
	const int need = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	struct stat st;
	int seals = fcntl(
	        fd, F_GET_SEALS); /* fails for everything that is not a memfd (or a file of a tmpfs, which cannot carry these seals) */
	if (seals < 0 || (seals & need) != need || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	        (uint64_t)st.st_size > max) {
		errno = EPROTO;
		return -1;
	}
	*size = (uint64_t)st.st_size;
	return 0;
}

bool sp_box_check_done(const struct sp_box_done *d)
{
	bool exited = d->ended == SP_BOX_EXITED && d->code >= 0 && d->code <= 255;
	bool signaled = d->ended == SP_BOX_SIGNALED && d->code >= 1 && d->code <= 64;
	return (exited || signaled) && d->cpu_ns <= SP_BOX_FIGURE_MAX && d->wall_ns <= SP_BOX_FIGURE_MAX &&
	       d->setup_ns <= SP_BOX_FIGURE_MAX && d->memory_peak <= SP_BOX_FIGURE_MAX;
}
