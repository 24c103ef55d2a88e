/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "load.h"

#define ARGS_MAX 64
#define START_S 30

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static void pause_us(long us) { nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL); }

/* ---- the service ---- */

static _Noreturn void become_service(const char *program, const char *dir, const char *const *more)
{
	const char *argv[ARGS_MAX] = {
	        program, "serve", "--http-listen", "127.0.0.1:0", "--drain-delay", "0s", "--drain-timeout", "0s", "--http-port-file"};
	size_t n = 9;
	char *env[] = {(char[]){"PATH=/usr/local/bin:/usr/bin:/bin"}, (char[]){"SERAPIS_CONFIG=/dev/null"}, NULL};

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	argv[n++] = sp_asprintf("%s/port", dir);
	argv[n++] = "--store";
	argv[n++] = sp_asprintf("sqlite:%s/serapis.db", dir);
	for (; *more && n < ARGS_MAX - 1; more++) argv[n++] = *more;
	sp_autofree char *log = sp_asprintf("%s/serve.log", dir);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), null = open("/dev/null", O_RDONLY);
	if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) _exit(127);
	execve(program, (char *const *)(uintptr_t)argv, env);
	_exit(127);
}

void service_start(struct service *s, const char *program, const char *dir, const char *const *more)
{
	sp_autofree char *port_file = sp_asprintf("%s/port", dir);
	int64_t began = sp_mono_ns();

	unlink(port_file);
	*s = (struct service){.pid = fork()};
	if (s->pid < 0) fail("fork", strerror(errno));
	if (s->pid == 0) become_service(program, dir, more);
	for (;;) {
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid || sp_mono_ns() - began > START_S * SP_NS_PER_S)
			fail(program, "the service does not start; serve.log says why");
		if (!s->port) {
			FILE *f = fopen(port_file, "re");
			if (f && fscanf(f, "%d", &s->port) == 1) s->accepts_ns = sp_mono_ns() - began;
			if (f) fclose(f);
		}
		if (s->port && load_once(s->port, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", NULL, 0) == 200) break;
		pause_us(500);
	}
	s->ready_ns = sp_mono_ns() - began;
}

void service_stop(struct service *s)
{
	int status;

	if (s->pid <= 0) return;
	kill(s->pid, SIGTERM);
	if (waitpid(s->pid, &status, 0) < 0) fail("waitpid", strerror(errno));
	s->pid = 0;
}

/* ---- what it takes ---- */

void memory_of(pid_t pid, struct memory *out)
{
	static const char *const files[] = {"smaps_rollup", "status"};
	char path[64], line[256];

	*out = (struct memory){0};
	for (size_t i = 0; i < SP_COUNT(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i]);
		FILE *f = fopen(path, "re");
		if (!f) continue;
		while (fgets(line, sizeof(line), f)) {
			long kib;
			if (sscanf(line, "Rss: %ld kB", &kib) == 1) out->rss_kib = kib;
			if (sscanf(line, "Pss: %ld kB", &kib) == 1) out->pss_kib = kib;
			if (sscanf(line, "VmHWM: %ld kB", &kib) == 1) out->peak_kib = kib;
		}
		fclose(f);
	}
}

/* Fields of /proc/PATH/stat behind the name, which may hold anything; *name: at most 15 characters. */
static bool read_stat(const char *path, char name[16], pid_t *parent, int64_t *ticks)
{
	char text[1024];
	int ppid;
	int64_t user, system;
	FILE *f = fopen(path, "re");

	if (!f) return false;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	char *open = strchr(text, '('), *end = strrchr(text, ')');
	if (!open || !end) return false;
	snprintf(name, 16, "%.*s", (int)(end - open - 1), open + 1);
	if (sscanf(end + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNd64 " %" SCNd64, &ppid, &user, &system) != 3) return false;
	*parent = ppid;
	*ticks = user + system;
	return true;
}

static int64_t ns_of_ticks(int64_t ticks) { return ticks * (SP_NS_PER_S / sysconf(_SC_CLK_TCK)); }

int64_t cpu_of(pid_t pid)
{
	char path[64], name[16];
	pid_t parent;
	int64_t ticks;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return read_stat(path, name, &parent, &ticks) ? ns_of_ticks(ticks) : 0;
}

int cpu_by_thread(pid_t pid, struct thread_cpu out[THREADS_MAX])
{
	char path[64];
	int n = 0;
	const struct dirent *e;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *d = opendir(path);
	while (d && (e = readdir(d))) {
		char file[512], name[16];
		pid_t parent;
		int64_t ticks;
		int i = 0;
		snprintf(file, sizeof(file), "%s/%s/stat", path, e->d_name);
		if (e->d_name[0] == '.' || !read_stat(file, name, &parent, &ticks)) continue;
		while (i < n && strcmp(out[i].name, name) != 0) i++;
		if (i == THREADS_MAX) continue;
		if (i == n) {
			out[n] = (struct thread_cpu){.threads = 0};
			memcpy(out[n++].name, name, sizeof(name));
		}
		out[i].threads++;
		out[i].ns += ns_of_ticks(ticks);
	}
	if (d) closedir(d);
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0 && out[k].ns > out[k - 1].ns; k--) {
			struct thread_cpu t = out[k];
			out[k] = out[k - 1];
			out[k - 1] = t;
		}
	return n;
}

int memory_below(pid_t pid, struct memory *out)
{
	pid_t found[256];
	int n = 1, done = 0;

	*out = (struct memory){0};
	for (found[0] = pid; done < n; done++) {
		DIR *d = opendir("/proc");
		const struct dirent *e;
		while (d && (e = readdir(d)) && n < (int)SP_COUNT(found)) {
			char path[512], name[16];
			pid_t parent;
			int64_t ticks;
			snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
			if (strspn(e->d_name, "0123456789") != strlen(e->d_name) || !read_stat(path, name, &parent, &ticks)) continue;
			if (parent == found[done]) found[n++] = (pid_t)strtol(e->d_name, NULL, 10);
		}
		if (d) closedir(d);
		if (done == 0) continue;
		struct memory m;
		memory_of(found[done], &m);
		out->rss_kib += m.rss_kib;
		out->pss_kib += m.pss_kib;
	}
	return n - 1;
}

/* ---- a server that does nothing ---- */

static struct MHD_Response *responses[2];

static enum MHD_Result answer(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
        const char *upload, size_t *n, void **state)
{
	*n = 0;
	if (!*state) { /* the headers; the answer is given at the end of the request, as servers that read bodies do */
		*state = responses;
		return MHD_YES;
	}
	return MHD_queue_response(c, 200, responses[url[0] && url[1] == '1']);
}

void echo_start(struct service *s, const size_t sizes[2])
{
	int out[2];

	if (pipe2(out, O_CLOEXEC) < 0) fail("pipe2", strerror(errno));
	*s = (struct service){.pid = fork()};
	if (s->pid < 0) fail("fork", strerror(errno));
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < SP_COUNT(responses); i++) {
			char *body = sp_calloc(1, sizes[i] + 1);
			memset(body, 'x', sizes[i]);
			responses[i] = MHD_create_response_from_buffer(sizes[i], body, MHD_RESPMEM_PERSISTENT);
		}
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR,
		        &at, MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_CONNECTION_LIMIT, 8192u, MHD_OPTION_END);
		const union MHD_DaemonInfo *info = d ? MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT) : NULL;
		int port = info ? info->port : 0;
		if (write(out[1], &port, sizeof(port)) != sizeof(port)) _exit(1);
		for (;;) pause();
	}
	close(out[1]);
	if (read(out[0], &s->port, sizeof(s->port)) != sizeof(s->port) || !s->port) fail("libmicrohttpd", "does not start");
	close(out[0]);
}
