/* Warnings do not stop the program; they are shown with the compile step. */
#include <stdio.h>

#warning "a warning of my own"

int main(void)
{
	char *p = 5;
	undeclared_function_is_not_called: printf("%s %d\n", "only one", 1);
	return p == 0;
}
