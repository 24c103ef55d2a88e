# SPDX-License-Identifier: MIT
# wins: Unix sockets of the host: docker's, systemd's, the database's; a read-only mount does not stop connect()
# rule: 23 (never /run, /var; sockets below /usr are refused by doctor)
# expect: ok
# args: {dir}
# control: none: which sockets a machine has is its own affair
# core: yes
require "socket"
require "find"
%w[/run/docker.sock /var/run/docker.sock /run/systemd/private /run/dbus/system_bus_socket /var/run/dbus/system_bus_socket /dev/log /tmp/.X11-unix/X0 /run/containerd/containerd.sock].each do |path|
  UNIXSocket.new(path)
  puts "WON #{path}"
rescue SystemCallError => e
  puts "held #{path} #{e.class}"
end
Find.find("/") do |path|
  Find.prune if path.start_with?("/proc/") || path == "/usr/share"
  begin
    s = File.lstat(path)
    puts "WON socket-or-pipe #{path}" if s.socket? || s.pipe?
    puts "WON writable-by-us #{path}" if s.directory? && File.writable?(path) && !%w[/box /tmp /dev/shm].include?(path)
    puts "WON device #{path}" if (s.chardev? || s.blockdev?) && !%w[/dev/null /dev/zero /dev/full /dev/random /dev/urandom].include?(path)
  rescue SystemCallError
    next
  end
end
puts "WON service-directory" if File.exist?(ARGV[0])
puts "END"
