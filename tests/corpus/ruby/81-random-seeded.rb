r = Random.new(42)
p r.rand(100), r.rand, r.bytes(4), [1, 2, 3, 4, 5].shuffle(random: Random.new(1)), [1, 2, 3].sample(random: Random.new(7))
srand(5)
p rand(1000), rand(1000)
