// Filters in the order in which tiles of an implicit matrix product read them: rows side by side, inner planes, taps, groups.
#include "index.cuh"

__device__ __forceinline__ void pack(const T* w, T* packed, int groups, int filters, int channels, int taps, int padded_rows,
                                     bool exchanged) {
  const int rows = exchanged ? channels : filters, inner = exchanged ? filters : channels;
  const long long total = (long long)groups * taps * inner * padded_rows, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long rest = i;
    const int row = split_off(rest, padded_rows), plane = split_off(rest, inner), tap = split_off(rest, taps), group = rest;
    const int k = group * filters + (exchanged ? plane : row), c = exchanged ? row : plane;
    packed[i] = row < rows ? w[((long long)k * channels + c) * taps + tap] : T(ACC(0));
  }
}

// packed: (groups, taps, inner, padded rows). Forward: rows are filters, inner planes channels; the input gradient exchanges them.
// Either may be left out.
KERNEL(conv2d_pack, 256)(const T* __restrict__ w, T* __restrict__ packed, T* __restrict__ exchanged, int groups, int filters,
                         int channels, int taps, int padded_rows, int padded_exchanged) {
  if (packed) pack(w, packed, groups, filters, channels, taps, padded_rows, false);
  if (exchanged) pack(w, exchanged, groups, filters, channels, taps, padded_exchanged, true);
}
