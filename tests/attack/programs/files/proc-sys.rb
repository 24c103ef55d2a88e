# SPDX-License-Identifier: MIT
# wins: settings of the kernel, by what /proc lets its user write: core_pattern, hostname, the slot's own net.* and user.*, its own limits
# rule: 22 (read-only), 4, 11
# expect: ok
# control: none: what is writable bare depends on who asks
# core: yes
require "find"
tried = 0
Find.find("/proc/sys", "/proc/self", "/proc/thread-self") do |path|
  Find.prune if path =~ %r{/proc/self/(task|root|cwd|fd|map_files|net)$|/proc/thread-self/(root|cwd|fd|net)$}
  next unless File.file?(path)
  begin
    File.open(path, File::WRONLY) { |f| puts "WON writable #{path}" unless path =~ %r{/mem$} }
  rescue SystemCallError
    tried += 1
  end
end
puts tried > 300 ? "tried" : "only #{tried}"
%w[/proc/sysrq-trigger /proc/self/oom_score_adj /proc/sys/kernel/core_pattern /proc/sys/user/max_inotify_instances /proc/sys/net/ipv4/ip_forward /proc/self/uid_map /proc/self/setgroups /proc/self/attr/current].each do |path|
  File.write(path, "0")
  puts "WON wrote #{path}" unless path.end_with?("sysrq-trigger") # /dev/null lies there
rescue SystemCallError => e
  puts "held #{path} #{e.class}"
end
puts "END"
