m = /(?<y>\d+)-(?<m>\d+)/.match("on 2024-02-29")
p m[:y], m.pre_match, $~.begin(0), "a1b22".scan(/\d+/), "x-y_z".split(/[-_]/), "foo bar".gsub(/o(.)/) { $1.upcase }, "2024"[/\d{2}/], "Ωmega" =~ /m/
p "aaa".sub("a", '\0\0'), "naïve".match?(/\p{L}{5}/), "line1\nline2"[/^line2$/], /a.c/m.match("a\nc").to_s, "日本".tr("日", "月"), Regexp.escape("a.b*c"), /x/ix.inspect
p "abab".gsub(/(?<=a)b/, "X"), "q" !~ /z/, "a,b;c".split(/([,;])/)
