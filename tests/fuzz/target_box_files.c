/* SPDX-License-Identifier: MIT */
/*
 * sp_files_unpack (src/box/files.c), into a directory of a tmpfs in a mount namespace of this process's own, where the host gives one. The input is the archive.
 *
 * Beside the directory lies a file that must not change, and in the directory, which init's is not, lie two links out of it: "l" to the parent and "f" to that file.
 *
 * Holds: refused with a message, or every file of the archive is there with its bytes and mode; either way there are only plain files and directories, nothing is outside, and no link was followed.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "box/files.h"

#define CANARY "as it was"

static char base[] = "/tmp/serapis-fuzz-XXXXXX";
static int outside = -1, target = -1;
static bool mounted;

static bool put(const char *path, const char *text)
{
	sp_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A mount namespace of our own: as root, or as nobody where the host lets anybody make a user namespace. Without one the directory is one of the host's, and the test is as sharp but less careful. */
static void own_mounts(void)
{
	char map[48];
	int n = snprintf(map, sizeof map, "0 %u 1\n", (unsigned)geteuid());

	FZ_CHECK(n > 0 && (size_t)n < sizeof map);
	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return;
		if (!put("/proc/self/uid_map", map)) return;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return;
	mounted = mount("fuzz", base, "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,nr_inodes=20000") == 0;
}

static void empty(int dir);

static void leave(void)
{
	if (outside >= 0) empty(outside);
	if (mounted) umount2(base, MNT_DETACH);
	rmdir(base);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FZ_CHECK(mkdtemp(base));
	own_mounts();
	outside = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FZ_CHECK(outside >= 0 && mkdirat(outside, "box", 0755) == 0);
	target = openat(outside, "box", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sp_autoclose int fd = openat(outside, "canary", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FZ_CHECK(target >= 0 && fd >= 0 && write(fd, CANARY, strlen(CANARY)) == (ssize_t)strlen(CANARY));
	atexit(leave);
	umask(022);
	return 0;
}

static DIR *reopen(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	FZ_CHECK(d);
	return d;
}

static bool dots(const char *s) { return strcmp(s, ".") == 0 || strcmp(s, "..") == 0; }

static void empty(int dir)
{
	DIR *d = reopen(dir);
	const struct dirent *e;

	while ((e = readdir(d))) {
		if (dots(e->d_name) || unlinkat(dir, e->d_name, 0) == 0) continue;
		int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		FZ_CHECK(sub >= 0);
		empty(sub);
		close(sub);
		FZ_CHECK(unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0);
	}
	closedir(d);
}

/* Counts the plain files; anything but them, directories and the two links fails. */
static size_t count_files(int dir, unsigned depth)
{
	DIR *d = reopen(dir);
	const struct dirent *e;
	struct stat st;
	size_t n = 0;

	FZ_CHECK(depth <= SP_BOX_PATH_DEPTH_MAX);
	while ((e = readdir(d))) {
		if (dots(e->d_name)) continue;
		FZ_CHECK(fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
		if (depth == 0 && S_ISLNK(st.st_mode)) {
			FZ_CHECK(strcmp(e->d_name, "l") == 0 || strcmp(e->d_name, "f") == 0);
		} else if (S_ISDIR(st.st_mode)) {
			FZ_CHECK((st.st_mode & 07777) == 0755);
			int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			n += count_files(sub, depth + 1);
			close(sub);
		} else {
			FZ_CHECK(S_ISREG(st.st_mode) && ((st.st_mode & 07777) == 0644 || (st.st_mode & 07777) == 0755) && st.st_nlink == 1);
			n++;
		}
	}
	closedir(d);
	return n;
}

static void check_outside(void)
{
	DIR *d = reopen(outside);
	const struct dirent *e;
	char text[sizeof CANARY + 1] = "";

	while ((e = readdir(d))) FZ_CHECK(dots(e->d_name) || strcmp(e->d_name, "box") == 0 || strcmp(e->d_name, "canary") == 0);
	closedir(d);
	sp_autoclose int fd = openat(outside, "canary", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FZ_CHECK(fd >= 0 && read(fd, text, sizeof text) == (ssize_t)strlen(CANARY) && strcmp(text, CANARY) == 0);
}

static uint32_t u16(struct fz *z)
{
	uint32_t low = fz_u8(z);
	return low | (uint32_t)fz_u8(z) << 8;
}

/* What was accepted, read by the letter of protocol.h. */
static void check_content(struct fz z)
{
	struct stat st;

	FZ_CHECK(z.n >= 8 && fz_u32(&z) == SP_BOX_FILES_MAGIC);
	uint32_t count = fz_u32(&z);
	FZ_CHECK(count <= SP_BOX_FILES_COUNT_MAX);
	for (uint32_t i = 0; i < count; i++) {
		FZ_CHECK(z.n >= 8);
		uint32_t path_len = u16(&z), mode = u16(&z), size = fz_u32(&z);
		FZ_CHECK(path_len >= 1 && path_len <= SP_BOX_PATH_MAX && path_len <= z.n && size <= z.n - path_len);
		sp_autofree char *path = fz_text(z.p, path_len);
		sp_autofree char *got = malloc(size + 1);
		FZ_CHECK(strlen(path) == path_len && path[0] != '/' && got);
		sp_autoclose int fd = openat(target, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		FZ_CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == mode && (uint64_t)st.st_size == size);
		FZ_CHECK(read(fd, got, size + 1) == (ssize_t)size && memcmp(got, z.p + path_len, size) == 0);
		z.p += path_len + size;
		z.n -= path_len + size;
	}
	FZ_CHECK(z.n == 0);
	FZ_CHECK(count_files(target, 0) == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sp_autofree char *archive = fz_exact(data, size);
	struct sp_box_error e = {0};
	int before[64], after[64];
	size_t nbefore = fz_open_fds(3, before, SP_COUNT(before));

	FZ_CHECK(symlinkat("..", target, "l") == 0 && symlinkat("../canary", target, "f") == 0);
	if (sp_files_unpack(archive, size, target, &e) == 0) {
		check_content((struct fz){data, size});
	} else {
		FZ_CHECK(e.code == SP_BOX_E_FILES && e.text[0] && memchr(e.text, 0, sizeof e.text));
		FZ_CHECK(count_files(target, 0) <= SP_BOX_FILES_COUNT_MAX);
	}
	check_outside();
	empty(target);
	FZ_CHECK(fz_open_fds(3, after, SP_COUNT(after)) == nbefore);
	return 0;
}
