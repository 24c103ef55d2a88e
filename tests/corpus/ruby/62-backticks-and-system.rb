$stdout.sync = true
puts `echo from the shell; echo $((6 * 7))`, $?.exitstatus
p system("exit 7"), $?.exitstatus, system("no-such-program"), $?.exitstatus, system("echo", "$HOME; not a shell")
p `kill -TERM $$`, $?.termsig
IO.popen(["tr", "a-z", "A-Z"], "r+") { |io| io.write("popen"); io.close_write; puts io.read }
begin
  `no-such-program`
rescue Errno::ENOENT => e
  puts e.message
end
