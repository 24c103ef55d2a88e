# The limit is 64 MiB. The bare interpreter ends by itself, so only what was printed before can be compared.
print("before", flush=True)
keep = [bytes([65 + i]) * 20_000_000 for i in range(10)]
print("after", len(keep))
