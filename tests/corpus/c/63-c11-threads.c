#include <stdio.h>
#include <threads.h>

static mtx_t m;
static cnd_t c;
static int ready;

static int waiter(void *arg)
{
	mtx_lock(&m);
	while (!ready) cnd_wait(&c, &m);
	mtx_unlock(&m);
	return *(int *)arg + 1;
}

int main(void)
{
	thrd_t t;
	int n = 41, r;
	mtx_init(&m, mtx_plain);
	cnd_init(&c);
	thrd_create(&t, waiter, &n);
	mtx_lock(&m);
	ready = 1;
	cnd_signal(&c);
	mtx_unlock(&m);
	thrd_join(t, &r);
	printf("%d\n", r);
}
