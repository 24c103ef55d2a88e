#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

static void on(int s) { (void)s; }

int main(void)
{
	signal(SIGALRM, on);
	struct itimerval t = {.it_value.tv_usec = 20000};
	setitimer(ITIMER_REAL, &t, 0);
	printf("%d\n", pause());
	fflush(stdout);
	signal(SIGALRM, SIG_DFL);
	alarm(1);
	for (;;) pause();
}
