#include <stdio.h>
#include <unistd.h>

int main(void)
{
	unsigned char b[64];
	ssize_t n = read(0, b, sizeof b);
	printf("%zd", n);
	for (ssize_t i = 0; i < n; i++) printf(" %02x", b[i]);
	printf(" then %zd\n", read(0, b, sizeof b));
}
