# SPDX-License-Identifier: MIT
# wins: memory through an interpreter's own heap, which doubles
# rule: 4, 12
# expect: memory_limit|nonzero_exit|signal
# limits: memory_bytes=67108864
# needs: memory
# else: ok
# else-open: memory-over-the-limit
# control: unsafe: a memory bomb
s = "x" * 1024
enough = (ENV["ATTACK_ENOUGH"] || Float::INFINITY).to_f # see attack.h
s += s while s.size < enough
puts "WON memory-over-the-limit", "END"
