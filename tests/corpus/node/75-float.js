console.log(0.1 + 0.2, 1 / 3, -0, Object.is(-0, 0), 5e-324, 1.7976931348623157e308 * 10, NaN, 2 ** 53 + 1, Math.fround(5.5), 1e-7);
console.log(parseFloat("3.14abc"), Number(""), Number("0x1F"), parseInt("08"), Number.EPSILON, (25).toString(36));
