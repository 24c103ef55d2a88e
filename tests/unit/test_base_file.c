/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

static char dir[64];

static int make_tmp(void **state)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%.40s/sp-file-XXXXXX", tmp && strlen(tmp) <= 40 ? tmp : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_tmp(void **state)
{
	sp_autofree char *cmd = sp_asprintf("rm -rf '%s'", dir);
	return system(cmd);
}

static char *in_dir(const char *name) { return sp_asprintf("%s/%s", dir, name); }

static void put_file(const char *path, const void *p, size_t n)
{
	struct sp_err err;
	sp_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sp_write_all(fd, p, n, &err), 0);
}

static void reads_what_was_written(void **state)
{
	static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 100000};
	sp_autofree char *path = in_dir("f");

	for (size_t i = 0; i < SP_COUNT(sizes); i++) {
		struct sp_err err = {0};
		struct sp_buf b;
		sp_autofree char *p = sp_calloc(sizes[i], 1);
		for (size_t k = 0; k < sizes[i]; k++) p[k] = (char)(k * 7);
		put_file(path, p, sizes[i]);

		sp_buf_init(&b, 1 << 20);
		assert_int_equal(sp_read_file(path, sizes[i], &b, &err), 0); /* exactly max is fine */
		assert_int_equal(b.len, sizes[i]);
		assert_memory_equal(b.data, p, sizes[i] + 1); /* and the NUL */
		if (sizes[i]) {
			/* Appends; one too long leaves what was there. */
			assert_int_equal(sp_read_file(path, sizes[i] - 1, &b, &err), -1);
			assert_int_equal(err.code, SP_E_LIMIT);
			assert_contains(err.msg, path);
			assert_int_equal(b.len, sizes[i]);
			assert_int_equal(b.data[b.len], '\0');
			assert_int_equal(sp_read_file(path, SIZE_MAX, &b, &err), 0);
			assert_int_equal(b.len, 2 * sizes[i]);
		}
		sp_buf_fini(&b);
	}
}

static void reading_fails_with_a_reason(void **state)
{
	struct sp_err err = {0};
	struct sp_buf b;
	sp_autofree char *missing = in_dir("missing"), *path = in_dir("f");

	sp_buf_init(&b, 10);
	assert_int_equal(sp_read_file(missing, 10, &b, &err), -1);
	assert_int_equal(err.code, SP_E_NOT_FOUND);
	assert_int_equal(err.errnum, ENOENT);
	assert_contains(err.msg, missing);
	assert_int_equal(sp_read_file(dir, 10, &b, &err), -1);
	assert_int_equal(err.code, SP_E_IO);
	assert_int_equal(err.errnum, EISDIR);
	put_file(path, "0123456789abc", 13);
	assert_int_equal(sp_read_file(path, 100, &b, &err), -1); /* the buffer's own ceiling */
	assert_int_equal(err.code, SP_E_LIMIT);
	assert_true(b.failed);
	sp_buf_fini(&b);
}

static void reads_files_without_a_size(void **state)
{
	struct sp_err err = {0};
	struct sp_buf b;

	sp_buf_init(&b, 65536);
	assert_int_equal(sp_read_file("/proc/self/status", 65536, &b, &err), 0);
	assert_contains(b.data, "Pid:");
	sp_buf_fini(&b);
}

struct slow {
	int fd;
	size_t n;
};

static void *read_slowly(void *arg)
{
	struct slow *s = arg;
	char chunk[777];
	ssize_t n;

	while ((n = read(s->fd, chunk, sizeof(chunk))) > 0) s->n += (size_t)n;
	return NULL;
}

static void writes_all_through_a_small_pipe(void **state)
{
	struct sp_err err = {0};
	struct slow s = {0};
	int p[2];
	pthread_t t;
	size_t n = 1 << 20;
	sp_autofree char *data = sp_calloc(n, 1);

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	s.fd = p[0];
	assert_int_equal(pthread_create(&t, NULL, read_slowly, &s), 0);
	assert_int_equal(sp_write_all(p[1], data, n, &err), 0);
	close(p[1]);
	pthread_join(t, NULL);
	close(p[0]);
	assert_int_equal(s.n, n);
	assert_int_equal(err.code, SP_OK);
}

static void writing_fails_with_a_reason(void **state)
{
	struct sp_err err = {0};
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(sp_write_all(p[1], "x", 1, &err), -1);
	assert_int_equal(err.code, SP_E_IO);
	assert_int_equal(err.errnum, EPIPE);
	assert_int_equal(sp_write_all(p[1], NULL, 0, &err), 0);
	close(p[1]);
}

static void memfds_are_sealed(void **state)
{
	static const char text[] = "sealed\0bytes";
	struct sp_err err = {0};
	char back[64];
	struct stat st;

	int fd = sp_memfd_sealed("test", text, sizeof(text), &err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	int seals = fcntl(fd, F_GET_SEALS), all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	assert_int_equal(seals & all, all);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, sizeof(text));
	assert_int_equal(read(fd, back, sizeof(back)), sizeof(text)); /* from the start */
	assert_memory_equal(back, text, sizeof(text));

	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 1000), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_ptr_equal(mmap(NULL, sizeof(text), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	const char *map = mmap(NULL, sizeof(text), PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_memory_equal(map, text, sizeof(text));
	close(fd);

	fd = sp_memfd_sealed("empty", NULL, 0, &err);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, back, 1), 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	close(fd);
	assert_int_equal(err.code, SP_OK);

	char name[300];
	memset(name, 'n', sizeof(name));
	name[299] = '\0';
	assert_int_equal(sp_memfd_sealed(name, "x", 1, &err), -1);
	assert_int_equal(err.errnum, EINVAL);
}

static unsigned mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	return st.st_mode & 07777;
}

static void makes_directories(void **state)
{
	struct sp_err err = {0};
	sp_autofree char *a = in_dir("a"), *abc = in_dir("a//b/c///"), *ab = in_dir("a/b"), *abcd = in_dir("a/b/c/d/");
	mode_t old = umask(0);

	assert_int_equal(sp_mkdir_p(abc, 0750, &err), 0);
	assert_int_equal(mode_of(a), 0750);
	assert_int_equal(mode_of(abc), 0750);
	assert_int_equal(sp_mkdir_p(abc, 0700, &err), 0); /* again; the mode stays */
	assert_int_equal(mode_of(ab), 0750);
	assert_int_equal(sp_mkdir_p(abcd, 0500, &err), 0);
	assert_int_equal(mode_of(abcd), 0500);
	assert_int_equal(sp_mkdir_p("/", 0700, &err), 0);
	assert_int_equal(sp_mkdir_p(".", 0700, &err), 0);

	/* Parents of a directory that its owner may not write are writable until all is made. */
	sp_autofree char *ro = in_dir("ro/x/y"), *rox = in_dir("ro/x");
	assert_int_equal(sp_mkdir_p(ro, 0500, &err), 0);
	assert_int_equal(mode_of(rox), 0700);
	assert_int_equal(mode_of(ro), 0500);

	/* A relative path, and a link to a directory on the way. */
	int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(sp_mkdir_p("rel/x", 0700, &err), 0);
	assert_int_equal(symlink("rel", "link"), 0);
	assert_int_equal(sp_mkdir_p("link/y", 0700, &err), 0);
	assert_int_equal(mode_of("rel/y"), 0700);
	assert_int_equal(fchdir(cwd), 0);
	close(cwd);
	umask(old);
	assert_int_equal(err.code, SP_OK);
}

static void making_directories_fails_with_a_reason(void **state)
{
	struct sp_err err = {0};
	sp_autofree char *file = in_dir("file"), *below = in_dir("file/x/y");
	sp_autofree char *longer = sp_calloc(5000, 1);

	put_file(file, "x", 1);
	assert_int_equal(sp_mkdir_p(below, 0700, &err), -1);
	assert_int_equal(err.code, SP_E_IO);
	assert_int_equal(err.errnum, ENOTDIR);
	assert_contains(err.msg, file);
	assert_int_equal(sp_mkdir_p(file, 0700, &err), -1);
	assert_int_equal(err.errnum, ENOTDIR);
	assert_int_equal(sp_mkdir_p("", 0700, &err), -1);
	assert_int_equal(err.code, SP_E_INVALID);
	memset(longer, 'x', 4999);
	assert_int_equal(sp_mkdir_p(longer, 0700, &err), -1);
	assert_int_equal(err.errnum, ENAMETOOLONG);
	assert_int_equal(sp_mkdir_p("/proc/self/x", 0700, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_what_was_written),
	        cmocka_unit_test(reading_fails_with_a_reason),
	        cmocka_unit_test(reads_files_without_a_size),
	        cmocka_unit_test(writes_all_through_a_small_pipe),
	        cmocka_unit_test(writing_fails_with_a_reason),
	        cmocka_unit_test(memfds_are_sealed),
	        cmocka_unit_test(makes_directories),
	        cmocka_unit_test(making_directories_fails_with_a_reason),
	};
	return cmocka_run_group_tests(tests, make_tmp, remove_tmp);
}
