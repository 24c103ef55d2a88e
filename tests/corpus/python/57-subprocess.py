import subprocess

r = subprocess.run("cat; echo problem >&2; exit 3", shell=True, input=b"given", capture_output=True)
print(r.returncode, r.stdout, r.stderr)
print(subprocess.check_output(["sh", "-c", "echo $NAME; pwd"], env={"NAME": "value"}, cwd="/"))
try:
    subprocess.run(["no-such-command"])
except FileNotFoundError as e:
    print(e)
print(subprocess.run(["sh", "-c", "kill -9 $$"]).returncode)
