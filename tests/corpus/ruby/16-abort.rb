at_exit { puts "at_exit sees #{$!.inspect}" }
abort "a message for stderr"
