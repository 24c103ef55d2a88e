p 40.times.map { |i| Thread.new { sleep 0.02; i } }.sum(&:value)
