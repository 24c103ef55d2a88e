local function counter() local n = 0; return function() n = n + 1; return n end end
local a, b = counter(), counter()
print(a(), a(), b())
local co = coroutine.create(function(x)
  print("in", x)
  local y = coroutine.yield(x + 1)
  print("again", y)
  error("inside")
end)
print(coroutine.resume(co, 1))
print(coroutine.resume(co, "sent"))
print(coroutine.resume(co), coroutine.status(co))
for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do io.write(v, " ") end
do local f <close> = setmetatable({}, { __close = function() print("closed") end }) end
goto done
print("skipped")
::done::
