#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	fputs("unbuffered\n", stderr);
	printf("lost in the buffer\n");
	abort();
}
