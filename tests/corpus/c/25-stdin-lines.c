#include <stdio.h>

int main(void)
{
	int n, sum = 0;
	while (scanf("%d", &n) == 1) {
		printf("read %d\n", n);
		sum += n;
	}
	printf("sum %d\n", sum);
}
