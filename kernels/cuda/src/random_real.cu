// Random numbers of a floating type T. One thread makes what one Philox block gives: four numbers from a word each, or for
// float64 (WORDS 2) two numbers of 53 bits from two words each.
#include "inverse_normal.cuh"
#include "philox.cuh"

__device__ __forceinline__ unsigned long long bits53(const Words& words, int i) {
  return (unsigned long long)(words.w[2 * i] >> 5) << 26 | words.w[2 * i + 1] >> 6;
}

// k / 2^DIGITS: every value is equally likely and exact in T.
__device__ __forceinline__ T uniform(const Words& words, int i) {
#if WORDS == 2
  return (double)bits53(words, i) * 0x1p-53;
#else
  return T((float)(words.w[i] >> (32 - DIGITS)) * (1.0f / (1 << DIGITS)));
#endif
}

// By inversion. The distance from 1/2 is exact in float64, which the uniform number itself would not be.
__device__ __forceinline__ T normal(const Words& words, int i) {
#if WORDS == 2
  return inverse_normal(((double)bits53(words, i) - (0x1p52 - 0.5)) * 0x1p-53);
#else
  return ROUNDED(inverse_normal(((double)words.w[i] - (0x1p31 - 0.5)) * 0x1p-32));
#endif
}

KERNEL(random_uniform, 256)(T* __restrict__ out, long long n, unsigned long long key, unsigned long long low,
                            unsigned long long high, const unsigned long long* __restrict__ live) {
  from_memory(live, key, low, high);
  constexpr int per_block = 4 / WORDS;
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long b = blockIdx.x * (long long)blockDim.x + threadIdx.x; per_block * b < n; b += threads) {
    const Words words = philox(key, low, high, b);
#pragma unroll
    for (int i = 0; i < per_block; i++)
      if (per_block * b + i < n) out[per_block * b + i] = uniform(words, i);
  }
}

KERNEL(random_normal, 256)(T* __restrict__ out, long long n, unsigned long long key, unsigned long long low,
                           unsigned long long high, const unsigned long long* __restrict__ live) {
  from_memory(live, key, low, high);
  constexpr int per_block = 4 / WORDS;
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long b = blockIdx.x * (long long)blockDim.x + threadIdx.x; per_block * b < n; b += threads) {
    const Words words = philox(key, low, high, b);
#pragma unroll
    for (int i = 0; i < per_block; i++)
      if (per_block * b + i < n) out[per_block * b + i] = normal(words, i);
  }
}
