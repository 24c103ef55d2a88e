class OddError(Exception):
    def __str__(self):
        return "two\nlines, \x1b[1mbold\x1b[0m and ünï"


raise OddError
