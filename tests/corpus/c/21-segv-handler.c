#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static sigjmp_buf back;
static void on(int s) { siglongjmp(back, s); }

int main(void)
{
	signal(SIGSEGV, on);
	int s = sigsetjmp(back, 1);
	if (!s) *(volatile int *)0 = 1;
	printf("survived signal %d\n", s);
}
