#include <stdio.h>

int main(void)
{
	int c = getchar();
	printf("%d %d %d\n", c, feof(stdin) != 0, ferror(stdin));
}
