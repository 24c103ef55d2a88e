import signal
import time

for s in signal.Signals:
    if s not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(s, signal.SIG_IGN)
print("before", flush=True)
while True:
    time.sleep(1)
