/* The run ends with the program, not with what it leaves behind. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	if (!fork()) {
		sleep(30);
		puts("never");
		return 0;
	}
	puts("main ends");
}
