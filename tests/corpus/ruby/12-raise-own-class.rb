class OddError < StandardError
  def message
    "two\nlines, \e[1mbold\e[0m and ünï"
  end
end
raise OddError
