import resource

for name in ("RLIMIT_NOFILE", "RLIMIT_STACK", "RLIMIT_FSIZE"):
    print(name, resource.getrlimit(getattr(resource, name)))
