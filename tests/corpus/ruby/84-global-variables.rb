$, = nil
puts $;.inspect, $/.inspect, $0, $*.inspect, $$ == Process.pid, $stdin.fileno, $stdout.tty?, $stdin.tty?, RUBY_ENGINE, RUBY_PLATFORM.empty?, $VERBOSE.inspect, $DEBUG, $PROGRAM_NAME, $-w.inspect, $SAFE.inspect
p ObjectSpace.respond_to?(:trace_object_allocations), defined?(IRB).inspect, defined?(Bundler).inspect, defined?(Gem), defined?(DidYouMean), $LOADED_FEATURES.any? { |f| f.end_with?("/json.rb") }, $LOADED_FEATURES.any? { |f| f.end_with?("/socket.rb") }
