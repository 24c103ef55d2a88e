# SPDX-License-Identifier: MIT
# wins: root, by any of the host's setuid programs or one of its own making
# rule: 23 (nosuid), no_new_privs
# expect: ok
# says: ^found
# control: none: setpriv of the bare run sets no_new_privs as well
# core: yes
found = Dir.glob(["/usr/{bin,sbin}/*", "/usr/{lib,libexec}/*", "/usr/{lib,libexec}/{openssh,dbus-1.0,polkit-1,x86_64-linux-gnu/utempter,git-core}/*"]).select { |f| File.file?(f) && (File.setuid?(f) || File.setgid?(f)) rescue false }
puts "found #{found.size}"
found.each do |f|
  # Some wait for input, some stay as daemons with our output open: two seconds, into a file.
  system("/usr/bin/timeout", "-s", "KILL", "2", f, "--help", in: "/dev/null", out: "/tmp/out", err: "/tmp/out")
  puts "WON #{f}" if File.binread("/tmp/out") =~ /uid=0/
end
system("cp", "/usr/bin/id", "/tmp/id")
File.chmod(0o6755, "/tmp/id")
puts "WON own-setuid" if `/tmp/id` =~ /euid=0|uid=0/
puts "WON su" if system("/bin/su", "-c", "true", in: "/dev/null", err: "/dev/null")
status = File.read("/proc/self/status")
puts "WON capabilities" unless status =~ /CapEff:\t0{16}$/ && status =~ /CapBnd:\t0{16}$/
puts "WON privileges-to-come" unless status =~ /NoNewPrivs:\t1$/
puts "END"
