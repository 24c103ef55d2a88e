/* Exactly the default limit of 1 MiB on stdout: nothing is cut off. */
#include <stdio.h>

int main(void)
{
	for (int i = 0; i < 1 << 14; i++) printf("%063d\n", i);
}
