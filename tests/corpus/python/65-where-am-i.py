import os
import sys

print(__file__, sys.argv, os.getcwd(), __name__, sys.path[0], os.path.expanduser("~"))
