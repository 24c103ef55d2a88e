import locale
import sys

print(sys.getdefaultencoding(), sys.stdout.encoding, sys.stderr.errors, sys.getfilesystemencoding(), locale.getpreferredencoding())
print("grüße".encode("latin-1"), "grüße".encode("utf-16-le"), b"\xe4".decode("cp1252"))
