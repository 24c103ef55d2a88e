try:
    int("zwölf")
except ValueError as e:
    raise RuntimeError("could not read the number") from e
