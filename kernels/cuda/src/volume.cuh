// Positions in a volume: the shared arithmetic of kernels that walk over three-dimensional windows.
#pragma once
#include "index.cuh"

struct Place { int at[3]; };

// Takes i, an index into (rest, *shape), apart: the position in the result, the rest left in i.
__device__ __forceinline__ Place position(long long& i, const int (&shape)[3]) {
  Place place;
#pragma unroll
  for (int axis = 2; axis >= 0; axis--) place.at[axis] = shape[axis] == 1 ? 0 : split_off(i, shape[axis]);  // planes have depth 1
  return place;
}
__device__ __forceinline__ long long flat(const int (&shape)[3], int a, int b, int c) {
  return ((long long)a * shape[1] + b) * shape[2] + c;
}
__device__ __forceinline__ long long flat(const int (&shape)[3], const Place& p) { return flat(shape, p.at[0], p.at[1], p.at[2]); }
__device__ __forceinline__ long long volume(const int (&shape)[3]) { return (long long)shape[0] * shape[1] * shape[2]; }
