#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	volatile double x = 2;
	printf("%.15g %.15g %.15g %.15g\n", sqrt(x), pow(x, 0.5), sin(x), exp(x));
	printf("%g %g %g %g %ld\n", fmod(-7, 3 * x), floor(-x / 3), hypot(3, 4), cbrt(27 * x / 2), lround(2.5));
	double complex z = cexp(I * M_PI * x / 2);
	printf("%.3f %d %d\n", creal(z), isnan(sqrt(-x)), fpclassify(x) == FP_NORMAL);
}
