/* _exit leaves at once: what stdio still holds is lost, and no atexit handler runs. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void handler(void) { puts("never"); }

int main(void)
{
	atexit(handler);
	printf("lost");
	if (write(1, "written\n", 8) != 8) return 1;
	_exit(42);
}
