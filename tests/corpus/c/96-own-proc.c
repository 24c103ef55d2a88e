/* What /proc says of the program itself. It is read-only in the service, so nothing is asked of writing. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	char b[4096];
	FILE *f = fopen("/proc/self/comm", "r");
	printf("%s", fgets(b, sizeof b, f));
	f = fopen("/proc/self/environ", "r");
	printf("%d\n", f && fread(b, 1, sizeof b, f) > 0);
	f = fopen("/proc/self/maps", "r");
	printf("%d %d\n", f != 0, access("/proc/self/mem", R_OK));
	f = fopen("/proc/self/status", "r");
	while (f && fgets(b, sizeof b, f))
		if (!strncmp(b, "Threads", 7) || !strncmp(b, "CapEff", 6) || !strncmp(b, "CapPrm", 6) || !strncmp(b, "CapInh", 6) || !strncmp(b, "CapBnd", 6) || !strncmp(b, "NoNewPrivs", 10) || !strncmp(b, "Umask", 5)) fputs(b, stdout);
}
