console.log(Math.max(), Math.min(1, 2), Math.hypot(3, 4), Math.sign(-3), Math.trunc(-4.7), Math.cbrt(27), Math.clz32(1), Math.imul(0xffffffff, 5));
console.log(Math.sin(1), Math.exp(1), Math.log1p(1e-10), Math.atan2(1, -1), Math.round(-0.5), Math.round(2.5), -7 % 3, 2 ** -1);
const r = Math.random();
console.log(r >= 0 && r < 1);
