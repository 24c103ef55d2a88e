#include <stdio.h>
#include <stdlib.h>

static void first(void) { puts("registered first, runs last"); }
static void second(void) { puts("registered last, runs first"); }
__attribute__((constructor)) static void ctor(void) { puts("constructor"); }
__attribute__((destructor)) static void dtor(void) { puts("destructor"); }

int main(void)
{
	atexit(first);
	atexit(second);
	puts("main");
	exit(8);
}
