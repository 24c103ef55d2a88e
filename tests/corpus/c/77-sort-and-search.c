#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cmp(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void)
{
	int a[] = {10, 9, 100, 1, 25}, key = 25;
	qsort(a, 5, sizeof *a, cmp);
	for (int i = 0; i < 5; i++) printf("%d ", a[i]);
	printf("%td\n", (int *)bsearch(&key, a, 5, sizeof *a, cmp) - a);
	char s[] = "one,two;;three", *save;
	for (char *t = strtok_r(s, ",;", &save); t; t = strtok_r(0, ",;", &save)) printf("[%s]", t);
	printf(" %s %d %s\n", strstr("haystack", "st"), strcmp("a", "b") < 0, strerror(2));
	srand(1);
	int first = rand();
	srand(1);
	printf("%d\n", first == rand());
}
