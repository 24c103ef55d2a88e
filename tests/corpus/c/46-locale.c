/* Only C and C.UTF-8 are certain to exist. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	printf("%s %s %s\n", setlocale(LC_ALL, 0), setlocale(LC_ALL, "C.UTF-8"), localeconv()->decimal_point);
	printf("%s %f\n", setlocale(LC_ALL, "xx_XX.nothing") ? "there" : "not there", strtod("1,5", 0));
}
