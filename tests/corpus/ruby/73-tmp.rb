require "tmpdir"
require "tempfile"
puts Dir.tmpdir
Dir.mktmpdir("corpus-") { |d| File.write("#{d}/f", "x"); p Dir.children(d), File.dirname(d) }
Tempfile.create("corpus") { |f| f.write "x"; f.flush; puts File.size(f.path), File.stat(f.path).mode.to_s(8) }
