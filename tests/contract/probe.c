/* SPDX-License-Identifier: MIT */
/* The program that the runtime's contract tests run: one small behaviour a word. It is handed to the container as a file. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void put(int fd, const void *p, size_t n)
{
	const char *c = p;
	while (n) {
		ssize_t w = write(fd, c, n);
		if (w < 0) _exit(120);
		c += w;
		n -= (size_t)w;
	}
}

/* n bytes of a pattern in which a lost or doubled piece shows. */
static void out_bytes(int fd, size_t n)
{
	char block[4096];
	size_t at = 0;

	while (at < n) {
		size_t k = n - at < sizeof block ? n - at : sizeof block;
		for (size_t i = 0; i < k; i++) block[i] = (char)((at + i) * 31 % 251);
		put(fd, block, k);
		at += k;
	}
}

static int cat(void)
{
	static char block[65536];
	ssize_t n;

	while ((n = read(0, block, sizeof block)) > 0) put(1, block, (size_t)n);
	return n < 0 ? 121 : 0;
}

static int print_list(char **list)
{
	for (; *list; list++) {
		printf("%zu:", strlen(*list));
		fwrite(*list, 1, strlen(*list), stdout);
		putchar(';');
	}
	return 0;
}

static int touch_memory(size_t mib)
{
	for (size_t i = 0; i < mib; i++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) return 5;
		for (size_t k = 0; k < 1 << 20; k += 4096) p[k] = 1;
	}
	return 0;
}

/* Children that wait, until there may be no more: prints how many there were. */
static int fork_many(void)
{
	int n = 0;
	pid_t pid;

	while ((pid = fork()) > 0) n++;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	printf("%d %s\n", n, errno == EAGAIN ? "EAGAIN" : strerror(errno));
	return 0;
}

static int fill(const char *path)
{
	static char block[65536];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssize_t n;

	memset(block, 1, sizeof block);
	while ((n = write(fd, block, sizeof block)) > 0) {}
	return n < 0 && errno == ENOSPC ? 3 : 4;
}

static int make_files(void)
{
	for (int i = 0;; i++) {
		char name[32];

		snprintf(name, sizeof name, "f%d", i);
		int fd = open(name, O_WRONLY | O_CREAT, 0644);
		if (fd < 0) return errno == ENOSPC ? 3 : 4;
		close(fd);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	struct stat st;

	if (!strcmp(what, "exit")) return (int)n;
	if (!strcmp(what, "signal")) return raise((int)n);
	if (!strcmp(what, "cat")) return cat();
	if (!strcmp(what, "args")) return print_list(argv + 2);
	if (!strcmp(what, "env")) return print_list(environ);
	if (!strcmp(what, "out")) return out_bytes(1, (size_t)n), 0;
	if (!strcmp(what, "err")) return out_bytes(2, (size_t)n), 0;
	if (!strcmp(what, "flood"))
		for (;;) out_bytes(n == 2 ? 2 : 1, 1 << 20);
	if (!strcmp(what, "both"))
		for (long i = 0; i < n; i++) {
			char line[32];
			put(1, line, (size_t)snprintf(line, sizeof line, "o%ld\n", i));
			put(2, line, (size_t)snprintf(line, sizeof line, "e%ld\n", i));
		}
	if (!strcmp(what, "hang")) {
		put(1, "up\n", 3);
		for (;;) pause();
	}
	if (!strcmp(what, "two-words")) { /* a word, and when that was read one on each stream */
		int unread = 1;
		put(1, "first\n", 6);
		while (unread) (void)ioctl(1, FIONREAD, &unread);
		put(2, "e", 1);
		put(1, "o", 1);
		for (;;) pause();
	}
	if (!strcmp(what, "spin"))
		for (volatile unsigned long i = 0;; i++) {}
	if (!strcmp(what, "memory")) return touch_memory((size_t)n);
	if (!strcmp(what, "forks")) return fork_many();
	if (!strcmp(what, "bomb"))
		for (;;) (void)!fork();
	if (!strcmp(what, "fill")) return fill(argv[2]);
	if (!strcmp(what, "files")) return make_files();
	if (!strcmp(what, "mode")) {
		if (stat(argv[2], &st)) return 1;
		printf("%o %d %lld\n", st.st_mode & 07777, st.st_uid == getuid(), (long long)st.st_size);
	}
	if (!strcmp(what, "nofile")) {
		while (dup(0) >= 0) n++;
		printf("%ld\n", n + 3);
	}
	fflush(stdout);
	return 0;
}
