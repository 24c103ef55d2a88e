#include <stdio.h>
int main(void) { puts("after a byte order mark"); }
