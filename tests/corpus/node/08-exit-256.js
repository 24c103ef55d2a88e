// Exit codes are eight bits: 256 is 0.
process.exit(256);
