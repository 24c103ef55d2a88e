require "time"
t = Time.utc(2024, 2, 29, 12, 34, 56.789r)
puts t, t.iso8601(3), t.to_i, t.strftime("%A %d %B %Y %j %U %s %L %z %-I%P"), t + 86_400, (t - Time.at(0)).to_i
puts Time.parse("2024-03-10T10:00:00+02:00").utc, Time.at(0).utc_offset, Time.at(0).zone
require "date"
puts Date.new(2024, 2, 29) >> 12, Date.valid_date?(2023, 2, 29), (Date.new(2024, 3, 1) - Date.new(2023, 3, 1)).to_i, DateTime.new(2001, 2, 3).iso8601
