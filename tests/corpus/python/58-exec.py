import os

print("first", flush=True)
os.execvp("echo", ["echo", "replaced", "by exec"])
