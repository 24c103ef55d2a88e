/* Over the limit: what is over is thrown away, the program goes on and ends by itself. */
#include <stdio.h>

int main(void)
{
	for (int i = 0; i < 40000; i++) printf("line %d\n", i);
	fputs("reached the end\n", stderr);
	return 3;
}
