# SPDX-License-Identifier: MIT
# wins: the filter may be made for what interpreters do; a program in Python makes any call, with any number, through ctypes
# rule: 34
# expect: ok
# says: ^held unshare EPERM$
# control: bare
# shows: ^WON unshare
import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)
CALLS = {"unshare": (272, 0x10000000), "ptrace": (101, 0, 0, 0, 0), "bpf": (321, 0, 0, 0), "io_uring": (425, 1, 0), "userfaultfd": (323, 0), "perf": (298, 0, 0, -1, -1, 0), "keyctl": (250, 0, -3, 1),
         "mount": (165, 0, 0, 0, 0, 0), "memfd_secret": (447, 0), "open_by_handle": (304, -1, 0, 0), "personality": (135, 0x40000), "kexec": (246, 0, 0, 0, 0), "init_module": (175, 0, 0, 0),
         "process_vm_readv": (310, 1, 0, 0, 0, 0, 0), "swapon": (167, 0, 0), "syslog": (103, 3, 0, 0), "acct": (163, 0), "vmsplice": (278, 1, 0, 0, 0), "fanotify": (300, 0, 0)}
for name, args in CALLS.items():
    r = libc.syscall(*[ctypes.c_long(a) for a in args])
    print("WON" if r >= 0 else "held", name, r if r >= 0 else errno.errorcode[ctypes.get_errno()])
print("END")
