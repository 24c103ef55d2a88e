require "socket"
server = TCPServer.new("127.0.0.1", 0)
t = Thread.new { c = server.accept; c.puts "hello #{c.gets}"; c.close }
s = TCPSocket.new("127.0.0.1", server.addr[1])
s.puts "client"
puts s.read
t.join
UNIXServer.open("sock") { |u| UNIXSocket.open("sock") { |x| x.write "unix"; x.close_write; puts u.accept.read } }
p UNIXSocket.pair.map(&:class), Addrinfo.tcp("127.0.0.1", 80).inspect_sockaddr
