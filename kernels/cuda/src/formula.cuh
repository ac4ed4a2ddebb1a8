// What texts made from formulas use (kernels/cuda/generated): functions that C lacks, and arrays read several elements at a time.
#pragma once
#include "index.cuh"

// The larger and the smaller number, or NaN if there is one.
template <class R> __device__ __forceinline__ R larger(R a, R b) { return a >= b || a != a ? a : b; }
template <class R> __device__ __forceinline__ R smaller(R a, R b) { return a <= b || a != a ? a : b; }
template <class R> __device__ __forceinline__ R sign_of(R x) { return x > 0 ? R(1) : x < 0 ? R(-1) : x == x ? R(0) : x; }

// log(exp(a) + exp(b)) without overflow; of two equal infinities, too.
template <class R> __device__ __forceinline__ R log_add(R a, R b) {
  const R top = larger(a, b), low = smaller(a, b);
  return top + log1p(exp(top == low ? R(0) : low - top));
}

// Quotient rounded down and what it leaves, which has the sign of b.
template <class R> __device__ __forceinline__ R rest_of(R a, R b) {
  const R rest = fmod(a, b);
  if (rest == 0) return copysign(R(0), b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}
template <class R> __device__ __forceinline__ R floor_of(R a, R b) {
  if (b == 0) return a / b;
  const R rest = fmod(a, b), whole = (a - rest) / b - (rest != 0 && (rest < 0) != (b < 0) ? R(1) : R(0)), low = floor(whole);
  return whole == 0 ? copysign(R(0), a / b) : whole - low > R(0.5) ? low + 1 : low;
}

// x = mantissa 2^exponent with 1 <= mantissa < 2, of a positive normal x.
template <class R> __device__ __forceinline__ R exponent_of(R x) { return R(ilogb(x)); }
template <class R> __device__ __forceinline__ R mantissa_of(R x) { return scalbn(x, -ilogb(x)); }
template <class R> __device__ __forceinline__ R power_of_two(R n) { return scalbn(R(1), int(n)); }

// Elements that lie side by side, read and written by one instruction.
template <class E, int N> struct alignas(sizeof(E) * N) Several { E at[N]; };

template <int N, class E> __device__ __forceinline__ bool fits(const E* from, bool single) {
  return single || ((unsigned long long)from & (sizeof(E) * N - 1)) == 0;
}
// N elements from `from` on; single: the first one N times.
template <int N, class E> __device__ __forceinline__ Several<E, N> several(const E* from, bool single) {
  if (!single) return *reinterpret_cast<const Several<E, N>*>(from);
  Several<E, N> all;
#pragma unroll
  for (int k = 0; k < N; k++) all.at[k] = *from;
  return all;
}
