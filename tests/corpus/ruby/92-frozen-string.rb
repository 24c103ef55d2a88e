# frozen_string_literal: true
s = "constant"
begin
  s << "x"
rescue => e
  puts e.class, e.message
end
