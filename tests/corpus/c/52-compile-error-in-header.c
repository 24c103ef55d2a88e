#include "lib/broken.h"

int main(void) { return undeclared; }
