#include <signal.h>
#include <unistd.h>

int main(void)
{
	write(2, "to stderr\n", 10);
	raise(SIGKILL);
}
