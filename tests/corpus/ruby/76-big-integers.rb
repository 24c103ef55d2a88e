p (1..100).inject(:*), 2**200, 2**64 - 1, -(2**63), 10.pow(50, 1_000_007), 12345678901234567890.digits.first(3), Integer.sqrt(10**40), 0xffff_ffff_ffff_ffff, (2**100).bit_length
p 3.gcd(12), 5.lcm(7), Rational(3, 4) + 1, Complex(1, 2) * Complex(0, 1), 255.to_s(2), "ff".hex, "z".to_i(36), ~5, 1 << 70, -1 >> 3
p [1, -1, 2**40].pack("l<l<q>").unpack1("H*")
