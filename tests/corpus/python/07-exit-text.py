import sys

sys.exit("a message for stderr, and status 1")
