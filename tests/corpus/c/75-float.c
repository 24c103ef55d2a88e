#include <float.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	volatile double zero = 0, tenth = 0.1;
	volatile float f = 16777216.0f;
	printf("%.17g %.17g %g %g %g %g\n", tenth + 0.2, 1 / 3.0, -zero, 1 / zero, zero / zero, -1 / zero);
	printf("%.9g %.9g %Lg %d %g %g\n", f + 1, (float)tenth, 1.0L / 3, DBL_DIG, DBL_MAX, strtod("0x1.8p3", 0));
	printf("%a %.0f %.0f %.3f %d\n", tenth, 0.5, 1.5, 2.0005, (int)-3.9);
}
