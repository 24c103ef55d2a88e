# SPDX-License-Identifier: MIT
# wins: the host's secrets: shadow, keys, the service's own environment and directory, other users' homes
# rule: 22, 23
# expect: ok
# args: {secret} {dir}
# control: bare
# shows: ^WON (/etc/machine-id|/etc/os-release|/var|/proc/cmdline|environment)
# core: yes
$stdout.sync = true
secret, dir = ARGV
%w[/etc/shadow /etc/machine-id /etc/os-release /etc/ssh /etc/environment /etc/fstab /etc/mtab /root /home /var /run /srv /opt /boot /sys /mnt /media /lost+found /proc/kcore /proc/kallsyms /proc/cmdline
   /proc/config.gz /proc/modules /proc/kmsg /proc/sysrq-trigger /proc/timer_list /proc/slabinfo /proc/vmallocinfo /proc/interrupts /proc/keys /proc/1/environ /dev/mem /dev/kmsg /dev/sda
   /dev/vda /dev/tty /dev/ptmx /dev/fuse /dev/kvm /dev/net/tun /dev/shm/../../root].push(dir).each do |path|
  got = File.directory?(path) ? Dir.children(path) : File.open(path, File::RDONLY | File::NONBLOCK) { |f| f.read_nonblock(64, exception: false).to_s }
  puts got.empty? ? "held #{path} empty" : "WON #{path} #{got.inspect[0, 60]}"
rescue SystemCallError => e
  puts "held #{path} #{e.class}"
end
puts "WON environment" if ENV.to_a.flatten.any? { |v| v.include?(secret) }
puts "WON environ-file" if File.binread("/proc/self/environ").include?(secret)
puts "WON parent" if Process.ppid != 1 && Process.ppid != 0 && File.exist?("/proc/#{Process.ppid}/cmdline") && ENV["HOME"] == "/box"
puts "END"
