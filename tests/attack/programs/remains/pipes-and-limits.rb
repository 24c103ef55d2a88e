# SPDX-License-Identifier: MIT
# wins: the slot's memory before the next run even starts: a run that dies with its tree, its segments and its sockets full leaves the next one nothing
# rule: 13 (a slot is free only when its memory is back, or it is replaced)
# expect: ok|memory_limit|disk_limit|nonzero_exit
# mode: leave-look
# limits: memory_bytes=100663296
# control: none: there is no slot bare
# core: yes
if ARGV.last == "leave"
  60.times { |i| File.write("/tmp/#{i}", "x" * 1_000_000) }
else
  kept = Array.new(60) { "x" * 1_000_000 }
  puts "WON cannot" unless kept.size == 60
end
puts "END"
