import warnings

print("x" is "x")
warnings.warn("a warning")
warnings.warn("old", DeprecationWarning)
