local t = { 5, 2, 8, x = 1 }
table.sort(t, function(a, b) return a > b end)
print(table.concat(t, ","), #t, t.x, next({}), select("#", table.unpack({ 1, nil, 3 }, 1, 3)))
table.insert(t, 1, 9)
print(table.remove(t), table.concat(t, " "))
local m = setmetatable({}, { __index = function(_, k) return k .. "!" end, __call = function(_, a) return a * 2 end, __tostring = function() return "an object" end })
print(m.key, m(21), m)
