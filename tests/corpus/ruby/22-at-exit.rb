at_exit { puts "registered first, runs last"; exit 9 }
at_exit { puts "status so far: #{$!.status}" }
exit 8
