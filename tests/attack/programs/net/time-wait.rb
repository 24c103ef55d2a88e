# SPDX-License-Identifier: MIT
# wins: the port of the next run for a minute (TIME_WAIT), and a look at what the last one did: its connections, its counters
# rule: 9 (tcp_max_tw_buckets 0, a used namespace is replaced)
# expect: ok
# mode: leave-look
# control: bare
# shows: ^(WON|second)
# core: yes
require "socket"
if ARGV.last == "leave"
  server = TCPServer.new("127.0.0.1", 28941)
  20.times do
    c = TCPSocket.new("127.0.0.1", 28941)
    s = server.accept
    s.close # the server closes first: TIME_WAIT stays on its side
    c.close
  end
else
  puts "second"
  begin
    TCPServer.new("127.0.0.1", 28941)
  rescue SystemCallError => e
    puts "WON port-still-taken #{e.class}"
  end
  lines = File.readlines("/proc/net/tcp").drop(1).reject { |l| l.split[3] == "0A" }
  puts "WON sees-old-connections #{lines.size}" unless lines.empty?
  received = File.read("/proc/net/dev")[/lo:\s*\d+\s+(\d+)/, 1].to_i
  puts "WON sees-old-packets #{received}" if received > 0
  opened = File.readlines("/proc/net/snmp").grep(/^Tcp:/).last.split[5].to_i
  puts "WON sees-old-counters #{opened}" if opened > 0
end
puts "END"
