// Filters in the order in which tiles of an implicit matrix product read them: rows side by side, inner planes, taps, groups.
#include "index.cuh"

__device__ __forceinline__ void pack(const T* w, T* packed, const ConvGeometry& g, int padded_rows, bool exchanged) {
  const int channels = g.C / g.groups, filters = g.K / g.groups, taps = g.kernel[0] * g.kernel[1];
  const int rows = exchanged ? channels : filters, inner = exchanged ? filters : channels;
  const long long total = (long long)g.groups * taps * inner * padded_rows, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long rest = i;
    const int row = split_off(rest, padded_rows), plane = split_off(rest, inner), tap = split_off(rest, taps), group = rest;
    const int k = group * filters + (exchanged ? plane : row), c = exchanged ? row : plane;
    packed[i] = row < rows ? w[((long long)k * channels + c) * taps + tap] : T(ACC(0));
  }
}

// packed: (groups, R S, inner, padded rows). Forward: rows are filters, inner planes channels; the input gradient exchanges them.
// Either may be left out.
KERNEL(conv2d_pack, 256)(const T* __restrict__ w, T* __restrict__ packed, T* __restrict__ exchanged, ConvGeometry g, int padded_rows,
                         int padded_exchanged) {
  if (packed) pack(w, packed, g, padded_rows, false);
  if (exchanged) pack(w, exchanged, g, padded_exchanged, true);
}
