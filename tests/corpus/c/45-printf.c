#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	int n;
	printf("%5d|%-5d|%05d|%+d|% d|%x|%#X|%o|%c|%10.3s|%-8s|%%%n\n", 42, 42, 42, 42, 42, 255, 255, 8, 'c', "truncated", "left", &n);
	printf("%d %" PRId64 " %zu %hhd %lld %*d %.*f %e %g %a\n", n, INT64_MIN, sizeof(long), (char)300, 1LL << 62, 6, 7, 2, 3.14159, 12345.678, 1e-10, 1.5);
	char b[8];
	printf("%d [%s]\n", snprintf(b, sizeof b, "%s", "longer than eight"), b);
}
