pids = 40.times.map { |i| fork { sleep 0.05; exit i } }
p pids.map { |pid| Process.wait2(pid)[1].exitstatus }.sum
