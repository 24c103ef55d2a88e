#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	const char *names[] = {"LEVEL", "TEXT", "HOME", "LANG", "TMPDIR", "NOT_THERE"};
	for (int i = 0; i < 6; i++) {
		const char *v = getenv(names[i]);
		printf("%s=%s\n", names[i], v ? v : "(not set)");
	}
}
