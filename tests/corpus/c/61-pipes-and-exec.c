#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int p[2], status;
	if (pipe(p)) return 1;
	pid_t pid = fork();
	if (!pid) {
		dup2(p[1], 1);
		execlp("sh", "sh", "-c", "echo hello from sh; exit 5", (char *)0);
		_exit(127);
	}
	close(p[1]);
	char b[64];
	ssize_t n = read(p[0], b, sizeof b);
	waitpid(pid, &status, 0);
	printf("%.*s%d\n", (int)n, b, WEXITSTATUS(status));
	fflush(stdout);
	status = system("echo by system; exit 9");
	printf("%d\n", WEXITSTATUS(status));
	fflush(stdout);
	status = system("kill -9 $$");
	printf("%d\n", WTERMSIG(status));
	fflush(stdout);
	FILE *f = popen("tr a-z A-Z", "w");
	fputs("through popen\n", f);
	printf("%d\n", pclose(f));
	fflush(stdout);
	execl("/no/such/program", "x", (char *)0);
	perror("execl");
	execl("/bin/echo", "echo", "replaced by exec", (char *)0);
}
