puts DATA.read
puts DATA.lineno, __LINE__, __method__.inspect
__END__
everything here
is data: #{not code} `id` %d
