#include <stdio.h>

int main(int argc, char **argv)
{
	printf("%d %d\n", argc, argv[argc] == 0);
	for (int i = 1; i < argc; i++) printf("[%s]\n", argv[i]);
}
