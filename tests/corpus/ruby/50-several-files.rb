require_relative "lib/sum"
puts Sum.of([1, 2, 3.5]), Sum::WHERE
p File.binread(File.join(__dir__, "data/in.bin"))
p require_relative("lib/sum"), $LOADED_FEATURES.grep(/sum/)
