p ENV["LEVEL"], ENV["TEXT"], ENV["HOME"], ENV["LANG"], ENV["TMPDIR"], ENV["NOT_THERE"]
puts `echo "$TEXT"`
