# Needs semaphores in /dev/shm.
import multiprocessing


def square(n):
    return n * n


if __name__ == "__main__":
    with multiprocessing.Pool(3) as pool:
        print(pool.map(square, range(10)))
    lock, value = multiprocessing.Lock(), multiprocessing.Value("i", 5)
    with lock:
        value.value += 1
    print(value.value)
