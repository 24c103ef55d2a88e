puts catch(:found) { [1, 2, 3].each { |n| throw :found, n if n == 2 } }
throw :nobody
