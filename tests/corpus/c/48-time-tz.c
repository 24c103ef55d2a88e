#include <stdio.h>
#include <time.h>

int main(void)
{
	time_t t = 0;
	char b[64];
	strftime(b, sizeof b, "%F %T %Z %z", localtime(&t));
	puts(b);
}
