begin
  require_relative "lib/broken"
rescue SyntaxError => e
  puts e.class, e.message
end
load "lib/loaded.rb"
puts $loaded
