#define _XOPEN_SOURCE 700
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

int main(void)
{
	const char *s = "é e\u0301 😀 日本語";
	printf("%s\n", setlocale(LC_ALL, ""));
	printf("%s %zu %zu\n", s, strlen(s), mbstowcs(0, s, 0));
	printf("%lc %ls %d %d\n", (wint_t)towupper(L'ä'), L"wide 世", wcwidth(L'世'), iswalpha(L'ß') != 0);
}
