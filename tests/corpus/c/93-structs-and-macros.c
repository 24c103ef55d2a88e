#include <stddef.h>
#include <stdio.h>

#define CAT(a, b) a##b
#define SHOW(...) printf(#__VA_ARGS__ " = %d\n", __VA_ARGS__)
struct bits { unsigned a : 3, b : 5; char c; double d; } __attribute__((aligned(32)));
union u { int i; float f; };
enum e { A = 5, B, C = -1 };

int main(void)
{
	struct bits s = {.b = 31, .a = 7};
	union u u = {.f = 1.0f};
	int CAT(va, lue) = (int)sizeof s, m[2][3] = {{1, 2, 3}, [1][2] = 9};
	SHOW(value);
	SHOW(s.a + s.b);
	SHOW((int)offsetof(struct bits, d));
	SHOW(m[1][2] + B + C);
	printf("%x %s %s\n", u.i, _Generic(1.0f, float: "float", default: "other"), (char[]){"compound"});
	int n = 4, vla[n];
	for (int i = 0; i < n; i++) vla[i] = i * i;
	printf("%zu %d %d\n", sizeof vla, vla[3], ({ int t = 5; t + 1; }));
}
