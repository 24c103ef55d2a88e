row = {"name": None}
print(row["name"].upper())
