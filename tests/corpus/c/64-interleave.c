#include <stdio.h>

int main(void)
{
	setvbuf(stdout, 0, _IONBF, 0);
	for (int i = 0; i < 20; i++) {
		printf("out %d\n", i);
		fprintf(stderr, "err %d\n", i);
	}
}
