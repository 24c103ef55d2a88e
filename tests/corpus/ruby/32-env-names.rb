# Every variable that a program finds, by name: nothing of the service may show here.
puts ENV.keys.sort
