import os
import tempfile

print(tempfile.gettempdir())
with tempfile.TemporaryDirectory(prefix="corpus-") as d:
    open(f"{d}/f", "w").close()
    print(os.listdir(d), oct(os.stat(d).st_mode))
with tempfile.NamedTemporaryFile() as f:
    f.write(b"x")
    f.flush()
    print(os.path.getsize(f.name))
