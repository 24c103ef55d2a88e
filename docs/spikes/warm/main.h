/* SPDX-License-Identifier: MIT */
/* Spike: the interpreter's own program runs, but with our main(), so that no frame of ours is below the user's program. */
#include <dlfcn.h>

typedef int main_fn(int, char **, char **);
static int our_main(int argc, char **argv, char **envp);

__attribute__((visibility("default"))) int __libc_start_main(
        main_fn *theirs, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *stack)
{
	int (*real)(main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *) = (int (*)(
	        main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *))dlsym(RTLD_NEXT, "__libc_start_main");
	return real(our_main, argc, argv, init, fini, rtld_fini, stack);
}
