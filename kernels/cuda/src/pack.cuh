// Elements read and written 16 bytes at a time.
#pragma once

constexpr int PACK = 16 / sizeof(T);
struct __align__(16) Pack { T at[PACK]; };

// Whether arrays begin at a multiple of 16 bytes: views need not.
__device__ __forceinline__ bool packed(const void* a, const void* b, const void* c = nullptr) {
  return (((unsigned long long)a | (unsigned long long)b | (unsigned long long)c) & 15) == 0;
}

// y[i] = f(x[i]) for i < n.
template <class F> __device__ __forceinline__ void map(const T* x, T* y, long long n, F f) {
  const long long threads = (long long)gridDim.x * blockDim.x, first = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const long long packs = packed(x, y) ? n / PACK : 0;
  for (long long p = first; p < packs; p += threads) {
    const Pack in = reinterpret_cast<const Pack*>(x)[p];
    Pack out;
#pragma unroll
    for (int k = 0; k < PACK; k++) out.at[k] = T(f(ACC(in.at[k])));
    reinterpret_cast<Pack*>(y)[p] = out;
  }
  for (long long i = packs * PACK + first; i < n; i += threads) y[i] = T(f(ACC(x[i])));
}

// z[i] = f(x[i], y[i]) for i < n.
template <class F> __device__ __forceinline__ void map(const T* x, const T* y, T* z, long long n, F f) {
  const long long threads = (long long)gridDim.x * blockDim.x, first = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const long long packs = packed(x, y, z) ? n / PACK : 0;
  for (long long p = first; p < packs; p += threads) {
    const Pack left = reinterpret_cast<const Pack*>(x)[p], right = reinterpret_cast<const Pack*>(y)[p];
    Pack out;
#pragma unroll
    for (int k = 0; k < PACK; k++) out.at[k] = T(f(ACC(left.at[k]), ACC(right.at[k])));
    reinterpret_cast<Pack*>(z)[p] = out;
  }
  for (long long i = packs * PACK + first; i < n; i += threads) z[i] = T(f(ACC(x[i]), ACC(y[i])));
}
