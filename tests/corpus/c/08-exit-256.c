/* Exit codes are eight bits: 256 is 0. */
int main(void) { return 256; }
