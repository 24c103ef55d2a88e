#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

static jmp_buf j;
static int sum(int n, ...)
{
	va_list ap;
	int s = 0;
	va_start(ap, n);
	while (n--) s += va_arg(ap, int);
	va_end(ap);
	return s;
}

int main(void)
{
	volatile int i = 0;
	int r = setjmp(j);
	if (r < 3) {
		i += r;
		longjmp(j, r + 1);
	}
	printf("%d %d %d\n", r, i, sum(4, 1, 2, 3, 4));
}
