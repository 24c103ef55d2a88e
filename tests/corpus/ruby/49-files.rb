require "fileutils"
p Dir.children(".").sort
File.write("out.txt", "one\n")
File.open("out.txt", "a") { |f| f.puts "two" }
FileUtils.mkdir_p("a/b")
File.rename("out.txt", "a/b/out.txt")
puts File.read("a/b/out.txt"), File.size("a/b/out.txt"), File.stat("a/b/out.txt").mode.to_s(8), File.umask.to_s(8)
File.symlink("b/out.txt", "a/link")
puts File.readlink("a/link"), File.realpath("a/link"), Dir.glob("**/*").sort
FileUtils.rm_r("a")
begin
  File.read("a/b/out.txt")
rescue SystemCallError => e
  puts e.class, e.message
end
