#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int status;
	printf("in the buffer of both\n");
	pid_t pid = fork();
	if (!pid) {
		printf("child\n");
		exit(7);
	}
	waitpid(pid, &status, 0);
	printf("parent: %d %d\n", WIFEXITED(status), WEXITSTATUS(status));
	if (!(pid = fork())) abort();
	waitpid(pid, &status, 0);
	printf("signal %d\n", WTERMSIG(status));
	printf("%d\n", wait(0));
}
