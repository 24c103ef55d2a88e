import bad

bad.run(4)
