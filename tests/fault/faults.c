/* SPDX-License-Identifier: MIT */
/*
 * Loaded into the service by the tests of this directory (LD_PRELOAD): a wall clock that is set, memory that is refused, a disk that is slow or fails. What is wrong is
 * read from a page in a file that the test maps, too (faults.py), so that it begins and ends while the service runs. The box has an environment of its own and never loads this.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* In the order of faults.py. All are read and written while both sides run. */
struct page {
	_Atomic int64_t clock_ms; /* added to CLOCK_REALTIME */

	_Atomic int64_t allocations; /* counted since the last load */
	_Atomic int64_t refuse_at; /* from the allocation of this number on; 0: none */
	_Atomic int64_t refuse_n; /* so many are refused; counted down */
	_Atomic int64_t refused; /* counted */

	_Atomic int64_t sync_us; /* each flush of the store's files takes so much longer */
	_Atomic int64_t write_us; /* each write to them */
	_Atomic int64_t fail_every; /* of writes, flushes and truncations of them each n-th fails; 0: none */
	_Atomic int64_t fail_errno;
	_Atomic int64_t changes; /* counted: writes, flushes, truncations, of which fail_every chooses */
	_Atomic int64_t failed; /* counted */
};

static struct page nothing, *page = &nothing;

__attribute__((constructor)) static void load(void)
{
	const char *path = getenv("SERAPIS_TEST_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "faults: no page at %s\n", path ? path : "(SERAPIS_TEST_FAULTS)");
		_exit(1);
	}
	close(fd);
	atomic_store(&((struct page *)p)->allocations, 0);
	page = p;
}

/* ---- the wall clock ---- */

int clock_gettime(clockid_t clock, struct timespec *t)
{
	long rc = syscall(SYS_clock_gettime, clock, t);

	if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		int64_t ns = t->tv_nsec + (page->clock_ms % 1000) * 1000000;
		t->tv_sec += page->clock_ms / 1000 + (ns >= 1000000000) - (ns < 0);
		t->tv_nsec = ns + (ns < 0 ? 1000000000 : ns >= 1000000000 ? -1000000000 : 0);
	}
	return (int)rc;
}

int gettimeofday(struct timeval *t, void *zone)
{
	struct timespec s;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &s) != 0) return -1;
	*t = (struct timeval){.tv_sec = s.tv_sec, .tv_usec = s.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *out)
{
	struct timespec s = {0};

	(void)clock_gettime(CLOCK_REALTIME, &s);
	if (out) *out = s.tv_sec;
	return s.tv_sec;
}

/* ---- memory ---- */

/* The C library's own, by the names under which it keeps them for those who put their own in front. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

static int refuses(void)
{
	int64_t i = atomic_fetch_add(&page->allocations, 1) + 1, at = atomic_load(&page->refuse_at);

	if (at == 0 || i < at || atomic_load(&page->refuse_n) <= 0 || atomic_fetch_sub(&page->refuse_n, 1) <= 0) return 0;
	atomic_fetch_add(&page->refused, 1);
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n) { return refuses() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return refuses() ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return refuses() ? NULL : __libc_realloc(p, n); }
void *memalign(size_t align, size_t n) { return refuses() ? NULL : __libc_memalign(align, n); }
void *aligned_alloc(size_t align, size_t n) { return memalign(align, n); }

int posix_memalign(void **out, size_t align, size_t n)
{
	void *p = memalign(align, n);

	if (!p) return ENOMEM;
	*out = p;
	return 0;
}

/* ---- the disk ---- */

static int is_of_store(int fd)
{
	static const char *const ends[] = {".db", ".db-wal", ".db-journal"};
	char link[32], path[4096];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	for (size_t i = 0; n > 0 && i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t len = strlen(ends[i]);
		if ((size_t)n > len && memcmp(path + n - len, ends[i], len) == 0) return 1;
	}
	return 0;
}

/* 0, or -1 and errno: the change to the file is not to be made. */
static int before_change(int fd, int64_t us)
{
	int64_t every = atomic_load(&page->fail_every);

	if ((us == 0 && every == 0) || !is_of_store(fd)) return 0;
	if (us) usleep((useconds_t)us);
	int64_t i = atomic_fetch_add(&page->changes, 1) + 1;
	if (every == 0 || i % every) return 0;
	atomic_fetch_add(&page->failed, 1);
	errno = (int)atomic_load(&page->fail_errno);
	return -1;
}

ssize_t write(int fd, const void *p, size_t n) { return before_change(fd, page->write_us) ? -1 : syscall(SYS_write, fd, p, n); }
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return before_change(fd, page->write_us) ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}
int fdatasync(int fd) { return before_change(fd, page->sync_us) ? -1 : (int)syscall(SYS_fdatasync, fd); }
int fsync(int fd) { return before_change(fd, page->sync_us) ? -1 : (int)syscall(SYS_fsync, fd); }
int ftruncate64(int fd, off64_t n) { return before_change(fd, 0) ? -1 : (int)syscall(SYS_ftruncate, fd, n); }
