loop { puts "y" * 4095 }
