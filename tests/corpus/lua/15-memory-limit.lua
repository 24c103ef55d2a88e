-- The limit is 32 MiB. The bare interpreter ends by itself, so only what was printed before can be compared.
io.stdout:setvbuf("no")
print("before")
local keep = {}
for i = 1, 10 do keep[i] = tostring(i):rep(10000000) end
print("after", #keep)
