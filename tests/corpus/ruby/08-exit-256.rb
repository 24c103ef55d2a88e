# Exit codes are eight bits: 256 is 0.
exit 256
