# SPDX-License-Identifier: MIT
# wins: the last tenant's files, in every place that is writable
# rule: 24, design 4.1 (one tmpfs a run)
# expect: ok
# mode: leave-look
# control: bare
# core: yes
places = %w[/box /tmp /dev/shm /var/tmp .]
if ARGV.last == "leave"
  places.each { |d| File.write("#{d}/serapis-left-by-attack", "secret") rescue nil }
else
  places.each { |d| puts "WON found-in #{d}" if File.exist?("#{d}/serapis-left-by-attack") }
  places.each { |d| File.delete("#{d}/serapis-left-by-attack") rescue nil }
end
puts "END"
