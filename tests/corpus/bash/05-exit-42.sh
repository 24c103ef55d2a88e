(exit 42)
