import threading

total, lock = 0, threading.Lock()


def work(n):
    global total
    for _ in range(1000):
        with lock:
            total += n


threads = [threading.Thread(target=work, args=(i,)) for i in range(10)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(total)
