begin
  Integer("zwölf")
rescue ArgumentError
  raise "could not read the number"
end
