import threading
import time

barrier = threading.Barrier(40)
threads = [threading.Thread(target=barrier.wait) for _ in range(40)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(barrier.broken, threading.active_count())
