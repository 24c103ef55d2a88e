#include <stdio.h>
#include <time.h>

int main(void)
{
	time_t t = 1709210096;
	struct tm tm;
	char b[64];
	strftime(b, sizeof b, "%A %d %B %Y %H:%M:%S %j %Z", gmtime_r(&t, &tm));
	puts(b);
	printf("%ld %d %s", (long)timegm(&tm), tm.tm_yday, asctime(&tm));
	strftime(b, sizeof b, "%F %T %Z %z", localtime(&t));
	puts(b);
	struct tm feb = {.tm_year = 123, .tm_mon = 1, .tm_mday = 31};
	mktime(&feb);
	printf("%d %d\n", feb.tm_mon, feb.tm_mday);
}
