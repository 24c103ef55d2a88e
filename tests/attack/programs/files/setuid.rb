# SPDX-License-Identifier: MIT
# wins: root, by any of the host's setuid programs or one of its own making
# rule: 23 (nosuid), no_new_privs
# expect: ok
# says: ^found
# control: none: setpriv of the bare run sets no_new_privs as well
# core: yes
found = Dir.glob("/usr/{bin,sbin,lib,libexec}/**/*").select { |f| File.file?(f) && (File.setuid?(f) || File.setgid?(f)) rescue false }
puts "found #{found.size}"
found.each do |f|
  out = IO.popen([f, "--help"], err: [:child, :out], &:read) rescue next
  puts "WON #{f}" if out.to_s =~ /uid=0/
end
system("cp", "/usr/bin/id", "/tmp/id")
File.chmod(0o6755, "/tmp/id")
puts "WON own-setuid" if `/tmp/id` =~ /euid=0|uid=0/
puts "WON su" if system("/bin/su", "-c", "true", in: "/dev/null", err: "/dev/null")
status = File.read("/proc/self/status")
puts "WON capabilities" unless status =~ /CapEff:\t0{16}$/ && status =~ /CapBnd:\t0{16}$/
puts "WON privileges-to-come" unless status =~ /NoNewPrivs:\t1$/
puts "END"
