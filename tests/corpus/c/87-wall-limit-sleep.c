#include <stdio.h>
#include <unistd.h>

int main(void)
{
	puts("tick");
	fflush(stdout);
	printf("still in the buffer\n");
	sleep(60);
}
