// Taking a flat index apart, and positions in a plane.
#pragma once

// a / b and a % b for a >= 0, b > 0. A 64-bit division costs several times as much as a 32-bit one, and is rarely needed.
__device__ __forceinline__ long long quotient(long long a, long long b) {
  return (a | b) >> 32 ? a / b : (long long)((unsigned)a / (unsigned)b);
}
__device__ __forceinline__ long long split_off(long long& a, long long b) {  // returns a % b and leaves a / b
  const long long whole = quotient(a, b), rest = a - whole * b;
  a = whole;
  return rest;
}

__device__ __forceinline__ bool within(int h, int w, int height, int width) {
  return (unsigned)h < (unsigned)height && (unsigned)w < (unsigned)width;
}
