#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t got;
static void on(int s, siginfo_t *info, void *ctx) { got = s + (info->si_pid == getpid() ? 100 : 0); }

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
	sigaction(SIGTERM, &sa, 0);
	kill(getpid(), SIGTERM);
	printf("got %d %s\n", (int)got, strsignal(SIGTERM));
	sa.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGUSR1, &sa, 0);
	raise(SIGUSR1);
	fflush(stdout);
	raise(SIGUSR1);
}
