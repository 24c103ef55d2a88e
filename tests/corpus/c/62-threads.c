#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_int hits;
static int guarded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int mine;

static void *work(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		atomic_fetch_add(&hits, 1);
		pthread_mutex_lock(&lock);
		guarded++;
		pthread_mutex_unlock(&lock);
		mine++;
	}
	return (char *)arg + mine;
}

int main(void)
{
	pthread_t t[8];
	long sum = 0;
	for (long i = 0; i < 8; i++) pthread_create(&t[i], 0, work, (void *)i);
	for (int i = 0; i < 8; i++) {
		void *r;
		pthread_join(t[i], &r);
		sum += (long)r;
	}
	printf("%d %d %ld\n", hits, guarded, sum);
}
