#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	volatile int64_t big = INT64_MAX;
	volatile uint32_t u = UINT32_MAX;
	printf("%ld %lu %d %u %d\n", big, (uint64_t)big + 1, INT_MIN, u + 1, (int8_t)200);
	unsigned __int128 p = (unsigned __int128)UINT64_MAX * UINT64_MAX;
	printf("%016lx%016lx %d %d %d\n", (uint64_t)(p >> 64), (uint64_t)p, -7 / 2, -7 % 2, -1 >> 1);
	int over;
	printf("%d %ld %ld %d %d\n", __builtin_add_overflow(INT_MAX, 1, &over), strtol("-0x7f", 0, 16), strtol("99999999999999999999", 0, 10), __builtin_popcount(255), __builtin_clz(1));
	printf("%zu %zu %zu %zu %zu\n", sizeof(int), sizeof(long), sizeof(void *), sizeof(long double), sizeof(wchar_t));
}
