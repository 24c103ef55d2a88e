print(7 // 2, -7 % 3, 7 / 2, 2 ^ 10, 1 << 62, 10 // 0.0, math.maxinteger + 1, 1e15, 0.1 + 0.2, 3 | 4, "10" + 5)
print(("%5.2f|%-6s|%x|%q"):format(3.14159, "ab", 255, "a\nb\0c"), ("abc"):rep(2, "-"), ("hello"):find("l+"), ("k=v, a=b"):gsub("(%w+)=(%w+)", "%2=%1"))
print(#"ünï", utf8.len("ünï"), utf8.char(8594, 128512), ("x"):byte(), string.pack(">I4", 1):byte(1, -1))
for p, c in utf8.codes("ü→") do print(p, c) end
print(math.type(1), math.type(1.0), tostring(1e100), 2^53, math.tointeger(3.0), 5 // 0.3)
