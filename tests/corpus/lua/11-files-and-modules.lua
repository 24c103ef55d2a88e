package.path = "./?.lua;" .. package.path
print(pcall(require, "lib.sum"))
local f = assert(io.open("out.txt", "w"))
f:write("one\n", 2, "\n")
f:close()
for l in io.lines("out.txt") do print(l) end
print(io.open("missing"))
print(os.rename("out.txt", "moved"), os.remove("moved"), os.getenv("HOME"), os.date("!%F", 0))
require("no.such.module")
