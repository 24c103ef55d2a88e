p 0.1 + 0.2, 1 / 3.0, -0.0, 5e-324, 1.7976931348623157e308 * 10, 0.0 / 0, 1e23, 1.0.next_float, 0.1.rationalize(1/100r), 3.7 % 1, -7 / 2, -7.fdiv(2), 7.0.divmod(-2)
p 10.0.floor, 1e2.to_i, Float::DIG, 3.14.to_r, 1.15.round(1), 1.25.round(1), "3.7abc".to_f, Float("1e3"), Math::PI
