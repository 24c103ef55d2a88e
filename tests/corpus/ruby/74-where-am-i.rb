puts __FILE__, $0, $PROGRAM_NAME, __dir__, Dir.pwd, File.expand_path("x"), File.expand_path("~"), caller.inspect, __FILE__ == $0
