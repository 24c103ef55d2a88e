# Warnings carry file and line.
X = 1
X = 2
warn "own warning"
warn "with a place", uplevel: 0
def unused(a) = (b = 1)
$VERBOSE = true
@not_there.to_s
eval "x = 5; 7", binding, "evaluated.rb", 10
