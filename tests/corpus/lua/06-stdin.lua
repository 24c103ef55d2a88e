local sum = 0
for line in io.lines() do
  print(("%q"):format(line))
  sum = sum + tonumber(line)
end
print(sum, io.read("a") == "", io.read("l"))
