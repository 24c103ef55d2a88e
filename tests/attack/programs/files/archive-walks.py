# SPDX-License-Identifier: MIT
# wins: the CVE-2007-4559 class: a tar and a zip whose members climb out, unpacked by the run itself; only its own tree can be hit
# rule: 23, design 4.1
# expect: ok
# control: none: bare it would write where its user may
import io
import os
import tarfile
import zipfile

os.chdir("/tmp")
b = io.BytesIO()
with tarfile.open(fileobj=b, mode="w") as t:
    for name in ("../../../../usr/bin/serapis-attack", "/etc/serapis-attack", "../box/ok"):
        info = tarfile.TarInfo(name)
        info.size = 1
        t.addfile(info, io.BytesIO(b"x"))
    link = tarfile.TarInfo("etc")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    t.addfile(link)
b.seek(0)
with tarfile.open(fileobj=b) as t:
    for m in t.getmembers():
        try:
            t.extract(m, "/tmp", filter="fully_trusted") if hasattr(tarfile, "data_filter") else t.extract(m, "/tmp")
        except OSError as e:
            print("held", m.name, e.strerror)
for path in ("/usr/bin/serapis-attack", "/etc/serapis-attack"):
    if os.path.exists(path):
        print("WON", path)
try:
    zipfile.ZipFile("/tmp/x.zip", "w").writestr("../../../../../etc/x", "x")
    print("made")
    open("/tmp/etc/serapis-attack", "w")
    print("WON through-the-link")
except OSError as e:
    print("held link", e.strerror)
print("END")
