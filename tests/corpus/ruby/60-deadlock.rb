begin
  Queue.new.pop
rescue Exception => e
  puts e.class, e.message.lines.first
end
