#include <stdio.h>

int main(void)
{
	int a = 0, n = 0, r;
	double d = 0;
	char w[16] = "", c = 0;
	r = scanf("%d %lf %15s %c%n", &a, &d, w, &c, &n);
	printf("%d %d %g %s %c %d\n", r, a, d, w, c, n);
	r = scanf("%d", &a);
	printf("%d\n", r);
	r = scanf("%15[^\n]", w);
	printf("%d %s\n", r, w);
	r = ungetc('Z', stdin);
	printf("%d %d\n", r, getchar());
}
