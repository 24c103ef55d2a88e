/* Every file that ends in .c is compiled, from whatever directory; what ends otherwise is not. */
#include <stdio.h>

#include "lib/count.h"

int main(void)
{
	count();
	count();
	printf("%d %s %s\n", count(), where_am_i(), spare());
	return 0;
}
