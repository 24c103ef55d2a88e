import os
import pathlib

p = pathlib.Path("sub/dir")
p.mkdir(parents=True)
(p / "f.txt").write_text("one\ntwo\n")
os.symlink("f.txt", p / "link")
print(sorted(os.listdir(p)), (p / "link").read_text(), (p / "f.txt").stat().st_size, oct((p / "f.txt").stat().st_mode))
os.rename(p / "f.txt", "moved")
print(os.path.exists(p / "link"), os.path.lexists(p / "link"), open("moved").readlines())
try:
    open("missing")
except OSError as e:
    print(e.errno, e)
