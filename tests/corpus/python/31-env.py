import os

print(os.environ["LEVEL"], os.environ["TEXT"], os.environ["HOME"], os.environ["PATH"], os.environ.get("USER"))
