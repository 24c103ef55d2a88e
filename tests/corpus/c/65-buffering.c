/* stdout is a pipe, so it is buffered: stderr comes first when both are one. */
#include <stdio.h>

int main(void)
{
	printf("stdout, written first\n");
	fprintf(stderr, "stderr, written last\n");
}
