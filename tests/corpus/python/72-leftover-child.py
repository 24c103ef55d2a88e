# The run ends with the program, not with what it leaves behind.
import subprocess

subprocess.Popen(["sleep", "30"])
print("main ends")
