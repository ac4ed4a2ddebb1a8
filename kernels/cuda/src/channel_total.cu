// The sum of each channel of (outer, channels, inner): gradients of biases.
#include "channels.cuh"

// y: where one part is the whole sum; else parts, (splits, channels).
KERNEL(channel_total, 256)(const T* __restrict__ x, ACC* __restrict__ parts, T* __restrict__ y, long long outer, long long channels,
                           long long inner, int across, int splits, long long split_size, int packs) {
  const long long jobs = quotient(channels + across - 1, across) * splits;
  for (long long job = blockIdx.x; job < jobs; job += gridDim.x) {
    const Share mine = share_of(job, outer, channels, inner, across, split_size);
    const T* arrays[1] = {x};
    ACC sum = 0;
    each(mine, arrays, channels, inner, packs && packed(x, x), [&](auto& values, long long) {
      constexpr int N = sizeof(values[0]) / sizeof(ACC);
#pragma unroll
      for (int k = 0; k < N; k++) sum += values[0][k];
    });
    sum = sum_of_channel(sum, across);
    if (!mine.exists || threadIdx.x >= across) continue;
    if (y) y[mine.channel] = T(sum);
    else parts[mine.split * channels + mine.channel] = sum;
  }
}

// The parts added up, first to last.
KERNEL(channel_total_add, 256)(const ACC* __restrict__ parts, T* __restrict__ y, long long channels, int splits) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x; c < channels; c += threads) {
    ACC sum = 0;
    for (long long split = 0; split < splits; split++) sum += parts[split * channels + c];
    y[c] = T(sum);
  }
}
