t = Process.clock_gettime(Process::CLOCK_MONOTONIC)
sleep(0.06)
p Process.clock_gettime(Process::CLOCK_MONOTONIC) - t >= 0.059
require "timeout"
begin
  Timeout.timeout(0.05) { sleep 5 }
rescue Timeout::Error => e
  puts e.message
end
