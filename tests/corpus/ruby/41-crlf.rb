puts "carriage returns"
t = "a
b"
p t, t.length
