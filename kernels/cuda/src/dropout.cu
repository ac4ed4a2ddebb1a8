// Dropout, and its gradient, which is the same with the same key: no mask is ever stored.
#include "index.cuh"
#include "philox.cuh"

struct __align__(sizeof(T) < 4 ? 8 : 16) Four { T at[4]; };

// y[i] = scale x[i] where word i / inner of the stream is below the bound, else 0 x[i], which keeps NaN. A thread makes four
// neighbours, which are decided by one Philox block (two, where inner is no multiple of four and more than one).
KERNEL(dropout, 256)(const T* __restrict__ x, T* __restrict__ y, long long n, long long inner, ACC scale,
                     unsigned long long bound, unsigned long long key, unsigned long long low, unsigned long long high,
                     const unsigned long long* __restrict__ live) {
  from_memory(live, key, low, high);
  const long long threads = (long long)gridDim.x * blockDim.x;
  const bool packed = (((unsigned long long)x | (unsigned long long)y) & (sizeof(Four) < 16 ? 7 : 15)) == 0;
  for (long long at = 4 * (blockIdx.x * (long long)blockDim.x + threadIdx.x); at < n; at += 4 * threads) {
    const bool whole = packed && at + 4 <= n;
    Four v;
    if (whole) v = *reinterpret_cast<const Four*>(x + at);
    long long word = quotient(at, inner), left = inner - (at - word * inner), held = word / 4;
    Words words = philox(key, low, high, held);
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const unsigned int a = word & 1 ? words.w[1] : words.w[0], b = word & 1 ? words.w[3] : words.w[2];
      const ACC factor = (word & 2 ? b : a) < bound ? scale : ACC(0);
      if (whole) v.at[k] = T(ACC(v.at[k]) * factor);
      else if (at + k < n) y[at + k] = T(ACC(x[at + k]) * factor);
      if (--left == 0) {
        word++;
        left = inner;
        if (k < 3 && word / 4 != held) words = philox(key, low, high, held = word / 4);
      }
    }
    if (whole) *reinterpret_cast<Four*>(y + at) = v;
  }
}
