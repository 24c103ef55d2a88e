# Only the low eight bits arrive.
import sys

print("before")
sys.exit(256)
