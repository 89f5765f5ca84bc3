// Number formats, as formats.py has them: bits to numbers, numbers to bits, and what a loss scale saves.

const formats = (() => {
  const FORMATS = {
    float32: { exponent: 8, fraction: 23 },
    bfloat16: { exponent: 8, fraction: 7 },
    float16: { exponent: 5, fraction: 10 },
  };
  for (const of of Object.values(FORMATS)) {
    of.bits = 1 + of.exponent + of.fraction;
    of.bias = 2 ** (of.exponent - 1) - 1;
    of.normal = 2 ** (1 - of.bias);
    of.smallest = of.normal * 2 ** -of.fraction;
    of.largest = (2 - 2 ** -of.fraction) * 2 ** of.bias;
    of.infinite = (2 ** of.exponent - 1) * 2 ** of.fraction;
  }

  /** Sign, exponent and fraction of a pattern, as whole numbers. */
  function parts(name, pattern) {
    const { bits, fraction } = FORMATS[name];
    const sign = pattern >= 2 ** (bits - 1) ? 1 : 0;
    const rest = pattern - sign * 2 ** (bits - 1);
    return { sign, e: Math.floor(rest / 2 ** fraction), f: rest % 2 ** fraction };
  }

  /** The number that a pattern stands for. */
  function decode(name, pattern) {
    const { exponent, fraction, bias, smallest } = FORMATS[name];
    const { sign, e, f } = parts(name, pattern);
    const turn = sign ? -1 : 1;
    if (e === 2 ** exponent - 1) return f ? NaN : turn * Infinity;
    if (e === 0) return turn * f * smallest;
    return turn * (1 + f * 2 ** -fraction) * 2 ** (e - bias);
  }

  const halfToEven = (value) => {
    const below = Math.floor(value);
    const over = value - below;
    return below + (over > 0.5 || (over === 0.5 && below % 2) ? 1 : 0);
  };

  /** The pattern of the nearest number; of two equally near ones, of the even one. */
  function encode(name, value) {
    const { bits, fraction, bias, infinite } = FORMATS[name];
    const sign = value < 0 || Object.is(value, -0) ? 2 ** (bits - 1) : 0;
    if (Number.isNaN(value)) return infinite + 2 ** (fraction - 1);
    const size = Math.abs(value);
    if (size >= 2 ** (bias + 1)) return sign + infinite;
    let e = Math.max(Math.floor(Math.log2(size)), 1 - bias);
    if (2 ** (e + 1) <= size) e += 1; // log2 may be a hair off
    if (2 ** e > size && e > 1 - bias) e -= 1;
    // In two factors, each of which is a number that JavaScript has.
    const steps = halfToEven(size * 2 ** -e * 2 ** fraction);
    return sign + steps + (e + bias - 1) * 2 ** fraction;
  }

  /** The pattern of the next number upwards or downwards; infinity has none beyond it. */
  function neighbour(name, pattern, up) {
    const { bits, infinite } = FORMATS[name];
    const half = 2 ** (bits - 1);
    const { sign } = parts(name, pattern);
    const size = pattern - sign * half;
    if (size > infinite) return pattern; // not a number
    const away = up === (sign === 0);
    if (away) return size === infinite ? pattern : pattern + 1;
    return size === 0 ? (up ? 1 : half + 1) : pattern - 1;
  }

  /** The shares of gradients that become 0, lose digits, are kept, become infinite under a loss scale 2^scale. */
  function fate(counts, scale, name) {
    const { bias, fraction } = FORMATS[name];
    const shares = { zero: 0, subnormal: 0, kept: 0, infinite: 0 };
    for (const [k, count] of Object.entries(counts)) {
      const scaled = Number(k) + scale;
      if (scaled < -bias - fraction) shares.zero += count;
      else if (scaled < 1 - bias) shares.subnormal += count;
      else if (scaled > bias) shares.infinite += count;
      else shares.kept += count;
    }
    const total = Object.values(shares).reduce((sum, count) => sum + count, 0);
    return Object.fromEntries(Object.entries(shares).map(([kind, count]) => [kind, count / total]));
  }

  return { FORMATS, parts, decode, encode, neighbour, fate };
})();

if (typeof module !== "undefined") module.exports = formats;
