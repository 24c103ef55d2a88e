# SPDX-License-Identifier: MIT
# wins: the process table, through an interpreter that was not made for it
# rule: 11, 15
# expect: process_limit|wall_limit
# limits: processes=32 wall_ms=2500
# needs: pids
# else: nonzero_exit|wall_limit
# control: unsafe: a fork bomb
begin
  loop { spawn("/bin/sleep", "1000") }
rescue SystemCallError => e
  puts "refused #{e.class.name.split("::").last}"
  exit 1
end
