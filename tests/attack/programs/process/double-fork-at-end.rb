# SPDX-License-Identifier: MIT
# wins: a process born in the very moment of the kill, by an at_exit hook
# rule: design 4.5
# expect: ok
# control: bare
# shows: LEFT a process
at_exit do
  fork do
    Process.setsid
    fork { trap("TERM", "IGNORE"); trap("HUP", "IGNORE"); sleep }
  end
  puts "END"
  $stdout.flush
end
