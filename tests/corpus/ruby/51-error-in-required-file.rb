puts "main"
require_relative "lib/deep/bad"
Bad.run(3)
