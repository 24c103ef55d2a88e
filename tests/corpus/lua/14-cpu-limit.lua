print("before")
io.stdout:flush()
while true do end
