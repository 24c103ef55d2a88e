a = "interpolated"
puts <<~EOF + <<-'RAW'
  #{a}
    indented \t tab
EOF
  #{raw} \t $(id) `id`
  RAW
puts [<<A, <<B].map(&:strip).inspect
first
A
second
B
