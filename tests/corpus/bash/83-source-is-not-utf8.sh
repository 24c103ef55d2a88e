echo grьяe
