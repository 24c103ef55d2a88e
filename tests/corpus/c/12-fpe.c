int main(int argc, char **argv)
{
	volatile int zero = 0, n = 1000;
	return n / zero;
}
