print("carriage returns")
print("""in
text""")
