// The inverse of the normal distribution function, Wichura's AS 241, in float64 with + - * / sqrt only.
// The order of operations is that of the reference kernel; compiled without contraction (-fmad=false) the bits are the same too.
#pragma once

__device__ __forceinline__ double horner(double x, const double (&c)[8]) {
  double h = x * c[7] + c[6];
#pragma unroll
  for (int i = 5; i >= 0; i--) h = h * x + c[i];
  return h;
}

// -log(x) for 2^-63 <= x <= 1/2: x = m 2^-e with m in [sqrt(1/2), sqrt(2)), then a series in (m - 1) / (m + 1).
__device__ __forceinline__ double minus_log(double x) {
  constexpr double series_terms[7] = LOG_SERIES;
  const long long bits = __double_as_longlong(x);
  double e = 1022 - (int)(bits >> 52);  // x is positive
  double m = __longlong_as_double((bits & 0xfffffffffffffll) | 0x3fe0000000000000ll);
  if (m < SQRT_HALF) {
    m *= 2.0;
    e += 1.0;
  }
  const double f = m - 1.0, s = f / (f + 2.0), z = s * s, half_square = 0.5 * f * f;
  double h = z * series_terms[6] + series_terms[5];
#pragma unroll
  for (int i = 4; i >= 0; i--) h = h * z + series_terms[i];
  const double series = s * (half_square + z * h);
  return ((half_square - (series - e * LN2_LOW)) - f) + e * LN2_HIGH;
}

// The number below which a normal variable lies with probability 1/2 + q, for |q| < 1/2.
__device__ __forceinline__ double inverse_normal(double q) {
  constexpr double central_numerator[8] = CENTRAL_NUMERATOR, central_denominator[8] = CENTRAL_DENOMINATOR;
  constexpr double side_numerator[8] = SIDE_NUMERATOR, side_denominator[8] = SIDE_DENOMINATOR;
  constexpr double far_numerator[8] = FAR_NUMERATOR, far_denominator[8] = FAR_DENOMINATOR;
  if (fabs(q) <= CENTRAL_LIMIT) {
    const double centre = CENTRAL_SHIFT - q * q;
    return q * horner(centre, central_numerator) / horner(centre, central_denominator);
  }
  const double r = sqrt(minus_log(0.5 - fabs(q)));
  const double s = r - SIDE_SHIFT, f = r - FAR_SHIFT;
  const double tail = r <= SIDE_LIMIT ? horner(s, side_numerator) / horner(s, side_denominator)
                                      : horner(f, far_numerator) / horner(f, far_denominator);
  return q < 0 ? -tail : tail;
}
