/* SPDX-License-Identifier: MIT */
/*
 * The calls that the rules write as name=number, because the library does not know them yet: test_seccomp_numbers RULES. Each number is asked to do what its name says, so
 * that a number that is another call's is a failed test. A kernel that is older than a call must not have it. Needs no privilege; no filter is installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NAME "user.serapis"
#define NOWHERE ((void *)1)

static const char *rules_path;
static char file[64]; /* ours, on a file system with attributes or without */

static void assert_fails(long r, int errnum)
{
	int got = r < 0 ? errno : 0;
	if (got != errnum) fail_msg("%s, not %s", got ? strerrorname_np(got) : "no error", strerrorname_np(errnum));
}

/* ---- probes in a probe user's trampoline only */

static void uretprobe(long nr)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGILL, SIG_DFL); /* cmocka catches it */
		syscall(nr);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
}

static void uprobe(long nr) { assert_fails(syscall(nr), ENXIO); }

/* ---- mounts */

/* struct mnt_id_req of linux/mount.h, its first version */
struct request {
	uint32_t size, spare;
	uint64_t mnt_id, param;
};

static uint64_t root_mount(void)
{
	struct statx st;
	assert_int_equal(statx(AT_FDCWD, "/", 0, 0x4000 /* STATX_MNT_ID_UNIQUE */, &st), 0);
	assert_true(st.stx_mask & 0x4000);
	return st.stx_mnt_id;
}

static void statmount(long nr)
{
	uint64_t answer[64] = {0};
	struct request r = {.size = sizeof r, .mnt_id = root_mount(), .param = 2 /* STATMOUNT_MNT_BASIC */};
	assert_int_equal(syscall(nr, &r, answer, sizeof answer, 0), 0);
	assert_true(answer[1] & 2); /* mask */
	assert_true(answer[5] == r.mnt_id);
}

static void listmount(long nr)
{
	uint64_t ids[512];
	struct request r = {.size = sizeof r, .mnt_id = UINT64_MAX /* LSMT_ROOT */};
	long n = syscall(nr, &r, ids, COUNT(ids), 0);
	assert_in_range(n, 1, COUNT(ids));
	for (long i = 1; i < n; i++) assert_true(ids[i] > ids[i - 1]);
}

static void open_tree_attr(long nr)
{
	long fd = syscall(nr, AT_FDCWD, "/", O_CLOEXEC, NULL, (size_t)0);
	struct stat a, b;
	assert_true(fd >= 0);
	assert_true(fstat((int)fd, &a) == 0 && stat("/", &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	close((int)fd);
	assert_fails(syscall(nr, AT_FDCWD, "/", O_CLOEXEC, NULL, (size_t)32), EINVAL);
}

/* struct ns_id_req begins with its size, which must be one that the kernel knows. */
static void listns(long nr)
{
	uint64_t request[8] = {1}, ids[16];
	assert_fails(syscall(nr, request, ids, COUNT(ids), 0), EINVAL);
	request[0] = 32;
	assert_in_range(syscall(nr, request, ids, COUNT(ids), 0), 1, COUNT(ids));
}

/* ---- security modules */

static void lsm_get_self_attr(long nr)
{
	uint32_t size = 0;
	assert_fails(syscall(nr, 0 /* LSM_ATTR_UNDEF */, NULL, &size, 0), EINVAL);
	assert_fails(syscall(nr, 100 /* LSM_ATTR_CURRENT */, NULL, NOWHERE, 0), EFAULT);
}

static void lsm_set_self_attr(long nr)
{
	assert_fails(syscall(nr, 100, NOWHERE, 4U, 0), EINVAL); /* shorter than a context */
	assert_fails(syscall(nr, 100, NOWHERE, 1U << 20, 0), E2BIG);
	assert_fails(syscall(nr, 100, NOWHERE, 64U, 0), EFAULT);
}

static void lsm_list_modules(long nr)
{
	uint64_t ids[64] = {0};
	uint32_t size = sizeof ids;
	bool capability = false;
	long n = syscall(nr, ids, &size, 0);
	assert_in_range(n, 1, COUNT(ids));
	for (long i = 0; i < n; i++) capability |= ids[i] == 100; /* LSM_ID_CAPABILITY, which is always there */
	assert_true(capability);
}

/* ---- memory */

static void mseal(long nr)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	assert_int_equal(syscall(nr, page, (size_t)4096, 0UL), 0);
	assert_fails(munmap(page, 4096), EPERM);
	assert_fails(mprotect(page, 4096, PROT_READ | PROT_WRITE), EPERM);
}

/* ---- extended attributes: the same as by the older calls, whatever this file system does with them */

static int set_old(const char *value) { return setxattr(file, NAME, value, strlen(value), 0); }

static void setxattrat(long nr)
{
	struct {
		uint64_t value;
		uint32_t size, flags;
	} args = {(uintptr_t) "new", 3, 0};
	char got[16] = "";
	int old = set_old("old"), why = errno;
	long r = syscall(nr, AT_FDCWD, file, 0U, NAME, &args, sizeof args);
	if (old < 0) {
		assert_fails(r, why);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(getxattr(file, NAME, got, sizeof got), 3);
	assert_string_equal(got, "new");
}

static void getxattrat(long nr)
{
	char got[16] = "";
	struct {
		uint64_t value;
		uint32_t size, flags;
	} args = {(uintptr_t)got, sizeof got, 0};
	int old = set_old("value"), why = errno;
	long r = syscall(nr, AT_FDCWD, file, 0U, NAME, &args, sizeof args);
	if (old < 0) {
		assert_fails(r, why);
		return;
	}
	assert_int_equal(r, 5);
	assert_string_equal(got, "value");
}

static void listxattrat(long nr)
{
	char a[1024], b[1024];
	(void)!set_old("value");
	ssize_t n = listxattr(file, a, sizeof a);
	assert_int_equal(syscall(nr, AT_FDCWD, file, 0U, b, sizeof b), n);
	if (n > 0) assert_memory_equal(a, b, (size_t)n);
}

static void removexattrat(long nr)
{
	char got[16];
	int old = set_old("value"), why = errno;
	long r = syscall(nr, AT_FDCWD, file, 0U, NAME);
	if (old < 0) {
		assert_fails(r, why);
		return;
	}
	assert_int_equal(r, 0);
	assert_fails(getxattr(file, NAME, got, sizeof got), ENODATA);
}

/* struct file_attr of linux/fs.h, its first version */
struct attributes {
	uint64_t xflags;
	uint32_t extsize, nextents, projid, cowextsize;
};

static void file_attributes(long nr, struct attributes *a)
{
	assert_fails(syscall(nr, AT_FDCWD, file, a, (size_t)8, 0U), EINVAL);
	assert_fails(syscall(nr, AT_FDCWD, file, a, (size_t)1 << 20, 0U), E2BIG);
}

static void file_getattr(long nr)
{
	struct attributes a = {.xflags = UINT64_MAX};
	file_attributes(nr, &a);
	long r = syscall(nr, AT_FDCWD, file, &a, sizeof a, 0U);
	if (r < 0) assert_true(errno == EOPNOTSUPP || errno == ENOTTY);
	if (r == 0) assert_true(a.xflags != UINT64_MAX);
}

static void file_setattr(long nr)
{
	struct attributes a = {0};
	file_attributes(nr, &a);
	a.xflags = UINT64_MAX; /* flags that no kernel knows */
	assert_true(syscall(nr, AT_FDCWD, file, &a, sizeof a, 0U) < 0 && (errno == EINVAL || errno == EOPNOTSUPP));
}

static const struct {
	const char *name;
	long number;
	int major, minor; /* the kernel that brought it, to x86_64 */
	void (*does)(long nr);
} calls[] = {
        {"uretprobe", 335, 6, 11, uretprobe},
        {"uprobe", 336, 6, 18, uprobe},
        {"statmount", 457, 6, 8, statmount},
        {"listmount", 458, 6, 8, listmount},
        {"lsm_get_self_attr", 459, 6, 8, lsm_get_self_attr},
        {"lsm_set_self_attr", 460, 6, 8, lsm_set_self_attr},
        {"lsm_list_modules", 461, 6, 8, lsm_list_modules},
        {"mseal", 462, 6, 10, mseal},
        {"setxattrat", 463, 6, 13, setxattrat},
        {"getxattrat", 464, 6, 13, getxattrat},
        {"listxattrat", 465, 6, 13, listxattrat},
        {"removexattrat", 466, 6, 13, removexattrat},
        {"open_tree_attr", 467, 6, 15, open_tree_attr},
        {"file_getattr", 468, 6, 17, file_getattr},
        {"file_setattr", 469, 6, 17, file_setattr},
        {"listns", 470, 6, 19, listns},
};

static void every_number_is_its_call(void **state)
{
	struct utsname u;
	int major = 0, minor = 0;
	assert_int_equal(uname(&u), 0);
	assert_int_equal(sscanf(u.release, "%d.%d", &major, &minor), 2);
	for (size_t i = 0; i < COUNT(calls); i++) {
		bool has = major > calls[i].major || (major == calls[i].major && minor >= calls[i].minor);
		if (has)
			calls[i].does(calls[i].number);
		else
			assert_fails(syscall(calls[i].number, -1L, -1L, -1L, -1L, -1L, -1L), ENOSYS);
	}
}

/* Those, and no others. */
static void the_rules_have_these_numbers(void **state)
{
	FILE *f = fopen(rules_path, "re");
	char line[1024];
	size_t found = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "#")] = 0;
		char *condition = strstr(line, " if "), *save = NULL;
		if (condition) *condition = 0;
		for (char *w = strtok_r(line, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save)) {
			char *equals = strchr(w, '=');
			if (!equals) continue;
			*equals = 0;
			size_t i = 0;
			while (i < COUNT(calls) && strcmp(calls[i].name, w) != 0) i++;
			if (i == COUNT(calls)) fail_msg("%s=%s is not tried here", w, equals + 1);
			assert_int_equal(strtol(equals + 1, NULL, 10), calls[i].number);
			found++;
		}
	}
	fclose(f);
	assert_int_equal(found, COUNT(calls));
}

static int make_file(void **state)
{
	snprintf(file, sizeof file, "/tmp/serapis-numbers-XXXXXX");
	int fd = mkstemp(file);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) { return unlink(file); }

int main(int argc, char **argv)
{
	if (argc != 2) return 2;
	rules_path = argv[1];
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_rules_have_these_numbers),
	        cmocka_unit_test(every_number_is_its_call),
	};
	return cmocka_run_group_tests_name("seccomp_numbers", tests, make_file, remove_file);
}
