# stdout is a pipe, so ruby buffers it: what was not flushed dies with the process.
print "flushed"
$stdout.flush
print "not flushed"
Process.kill(:KILL, Process.pid)
sleep
