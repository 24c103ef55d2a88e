results = Queue.new
mutex = Mutex.new
count = 0
threads = 4.times.map do |n|
  Thread.new(n) do |i|
    1000.times { mutex.synchronize { count += 1 } }
    results << i * i
    Thread.current[:n] = i
  end
end
threads.each(&:join)
p count, 4.times.map { results.pop }.sort, threads.map { |t| t[:n] }, Thread.new { Thread.stop; :woken }.tap { |t| Thread.pass until t.stop?; t.run }.value
