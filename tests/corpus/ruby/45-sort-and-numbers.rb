p %w[b A a B ä Z].sort, [10, 9, 1, 100].sort_by { |n| -n }, [3, 1, 2].minmax, %w[aa b].max_by(&:length)
puts format("%05.2f|%+d|%x|%o|%e|%-6s|%06d|%b|%%", 3.14159, 5, 255, 8, 12345.678, "ab", -42, 10)
puts 1234567.89.to_s.reverse.scan(/\d{1,3}/).length, 1e20, 1e15, 1e16, 1e-5, 100.0, 1.23456789012345e+25, 12.0.round(2), 2.5.round, 3.5.round, -2.5.round(half: :even)
