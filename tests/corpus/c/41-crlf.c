#include <stdio.h>
#define TWO_LINES 1 + \
	2

int main(void)
{
	printf("%d\n", TWO_LINES);
}
