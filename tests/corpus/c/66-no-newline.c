#include <stdio.h>

int main(void) { printf("no newline at the end"); }
