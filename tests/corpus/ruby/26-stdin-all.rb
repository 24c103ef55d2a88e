text = $stdin.read
print text.upcase, text.encoding, text.length
