import os

print(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")), os.isatty(0), os.isatty(1))
