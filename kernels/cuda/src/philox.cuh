// Philox4x32-10: four random words from a key and a counter. Salmon, Moraes, Dror, Shaw, SC 2011.
#pragma once

struct Words { unsigned int w[4]; };

// In a captured step key and counter are read from memory, which is written before each replay; else live is null.
__device__ __forceinline__ void from_memory(const unsigned long long* live, unsigned long long& key, unsigned long long& low,
                                            unsigned long long& high) {
  if (!live) return;
  key = live[0];
  low = live[1];
  high = live[2];
}

// Block `block` of the stream that starts at the 128-bit counter high:low. The low half advances and wraps; the high half stays.
__device__ __forceinline__ Words philox(unsigned long long key, unsigned long long low, unsigned long long high,
                                        unsigned long long block) {
  low += block;
  unsigned int x0 = low, x1 = low >> 32, x2 = high, x3 = high >> 32, k0 = key, k1 = key >> 32;
#pragma unroll
  for (int round = 0; round < ROUNDS; round++) {
    const unsigned long long p0 = (unsigned long long)x0 * MULTIPLIER_0, p1 = (unsigned long long)x2 * MULTIPLIER_1;
    x0 = (unsigned int)(p1 >> 32) ^ x1 ^ k0;
    x1 = p1;
    x2 = (unsigned int)(p0 >> 32) ^ x3 ^ k1;
    x3 = p0;
    k0 += WEYL_0;
    k1 += WEYL_1;
  }
  return {{x0, x1, x2, x3}};
}
