# SPDX-License-Identifier: MIT
# wins: the process table, through an interpreter that was not made for it
# rule: 11, 15
# expect: process_limit
# says: ^refused EAGAIN
# limits: processes=32
# control: unsafe: a fork bomb
begin
  loop { spawn("/bin/sleep", "1000") }
rescue SystemCallError => e
  puts "refused #{e.class.name.split("::").last}"
  exit 1
end
