local function inner() error("it went wrong") end
print(pcall(inner))
print(pcall(error, { code = 5 }))
print(select(2, xpcall(inner, function(m) return "handled: " .. m end)))
inner()
