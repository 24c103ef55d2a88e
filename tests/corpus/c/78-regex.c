#include <regex.h>
#include <stdio.h>

int main(void)
{
	regex_t r;
	regmatch_t m[3];
	char e[128];
	const char *s = "on 2024-feb there";
	regcomp(&r, "([0-9]+)-([a-z]+)", REG_EXTENDED);
	int rc = regexec(&r, s, 3, m, 0);
	printf("%d %.*s %.*s\n", rc, (int)(m[1].rm_eo - m[1].rm_so), s + m[1].rm_so, (int)(m[2].rm_eo - m[2].rm_so), s + m[2].rm_so);
	rc = regcomp(&r, "(unclosed", REG_EXTENDED);
	regerror(rc, &r, e, sizeof e);
	puts(e);
}
