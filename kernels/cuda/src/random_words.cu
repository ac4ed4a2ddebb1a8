// Random words and what integers alone decide. One thread makes the four words of a Philox block.
#include "philox.cuh"

KERNEL(random_bits, 256)(unsigned int* __restrict__ out, long long n, unsigned long long key, unsigned long long low,
                         unsigned long long high, const unsigned long long* __restrict__ live) {
  from_memory(live, key, low, high);
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long b = blockIdx.x * (long long)blockDim.x + threadIdx.x; 4 * b < n; b += threads) {
    const Words words = philox(key, low, high, b);
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (4 * b + i < n) out[4 * b + i] = words.w[i];
  }
}

// True where a word is below the bound, which is p 2^32 and so may be 2^32 itself.
KERNEL(random_bernoulli, 256)(bool* __restrict__ out, long long n, unsigned long long key, unsigned long long low,
                              unsigned long long high, const unsigned long long* __restrict__ live, unsigned long long bound) {
  from_memory(live, key, low, high);
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long b = blockIdx.x * (long long)blockDim.x + threadIdx.x; 4 * b < n; b += threads) {
    const Words words = philox(key, low, high, b);
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (4 * b + i < n) out[4 * b + i] = words.w[i] < bound;
  }
}
