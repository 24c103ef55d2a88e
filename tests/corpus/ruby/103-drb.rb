require "drb"
DRb.start_service("druby://localhost:0", { answer: 42 })
p DRbObject.new_with_uri(DRb.uri)[:answer]
