/* Signs that a printf or a shell would eat. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	puts("100% %s %d %n %x %% %5$s single ' double \" back \\ tick `");
	printf("%s has %d items and 100%%\n", "list", 3);
	puts("'; rm -rf / # $(touch pwned) `touch pwned` ${IFS} | & ; < > * ? [ ] ! ~ \\0 \\n \t.");
	printf("%d %d EOF <<'EOF'\n", access("pwned", F_OK), 5 % 3);
}
