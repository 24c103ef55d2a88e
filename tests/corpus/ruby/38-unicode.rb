["é", "e\u0301", "😀", "👩‍👩‍👧", "ﷺ", "\u202Eabc", "\u0000", "日本語", "\uFFFD", "\u{10FFFF}"].each do |s|
  puts "#{s} #{s.length} #{s.bytesize} #{s.grapheme_clusters.length} #{s.unicode_normalize(:nfc).length} #{s.dump}"
end
puts "ÄÖÜß".downcase, "ǆ".capitalize, "straße".upcase, __ENCODING__, Encoding.default_external, Encoding.default_internal.inspect
