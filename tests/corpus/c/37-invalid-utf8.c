#include <stdio.h>

int main(void) { fwrite("a\xc3\x28\xff\xed\xa0\x80\xf0\x9f\x98\n", 1, 11, stdout); }
