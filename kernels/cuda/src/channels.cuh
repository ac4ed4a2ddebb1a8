// Sums over a channel of (outer, channels, inner).
//
// A channel's outer * inner values are dealt out to `splits` parts, because a few channels alone would not keep a card busy.
// A block makes one part for `across` neighbouring channels: 1 if inner is long, so that neighbouring threads read
// neighbouring values of it, else 32, so that they read neighbouring channels. Parts are put together in order: the same bits
// on every card. Where `packs` says that inner and the parts are whole packs of 16 bytes, a thread takes a pack at a time, and
// apart an index once for all of it: memory then sets the pace, and not the divisions.
#pragma once
#include "pack.cuh"
#include "team.cuh"

// What falls to this thread: values first, first + step ... below end of a channel.
struct Share {
  long long channel, begin, first, end, step, split;
  bool exists;
};
__device__ __forceinline__ Share share_of(long long job, long long outer, long long channels, long long inner, int across,
                                          long long split_size) {
  const long long tiles = quotient(channels + across - 1, across), split = quotient(job, tiles);
  const long long channel = (job - split * tiles) * across + threadIdx.x % across, begin = split * split_size;
  const bool exists = channel < channels;
  return {channel, begin, begin + threadIdx.x / across, exists ? min(begin + split_size, outer * inner) : 0, BLOCK / across, split, exists};
}
// Value j of a channel is in image `o`, at `at` of the whole array.
struct Value { long long o, at; };
__device__ __forceinline__ Value value_of(long long j, long long channel, long long channels, long long inner) {
  const long long o = quotient(j, inner);
  return {o, (o * channels + channel) * inner + (j - o * inner)};
}
// Calls take(values, image) for this thread's values, PACK or one of them at a time, and the image that they are in.
template <int ARRAYS, class F>
__device__ __forceinline__ void each(const Share& mine, const T* (&arrays)[ARRAYS], long long channels, long long inner, bool packs,
                                     F take) {
  if (packs) {
    for (long long j = mine.begin + threadIdx.x * PACK; j < mine.end; j += BLOCK * PACK) {
      const Value v = value_of(j, mine.channel, channels, inner);
      ACC values[ARRAYS][PACK];
#pragma unroll
      for (int a = 0; a < ARRAYS; a++) {
        const Pack pack = *reinterpret_cast<const Pack*>(arrays[a] + v.at);
#pragma unroll
        for (int k = 0; k < PACK; k++) values[a][k] = ACC(pack.at[k]);
      }
      take(values, v.o);
    }
  } else {
    for (long long j = mine.first; j < mine.end; j += mine.step) {
      const Value v = value_of(j, mine.channel, channels, inner);
      ACC values[ARRAYS][1];
#pragma unroll
      for (int a = 0; a < ARRAYS; a++) values[a][0] = ACC(arrays[a][v.at]);
      take(values, v.o);
    }
  }
}

// The sum over the threads that share a channel; all threads of the block take part.
__device__ __forceinline__ ACC sum_of_channel(ACC value, int across) {
  __shared__ ACC part[BLOCK];
  const int t = threadIdx.x;
  __syncthreads();  // the last call's result has been read
  part[t] = value;
  __syncthreads();
  for (int half = BLOCK / 2; half >= across; half /= 2) {
    if (t < half) part[t] += part[t + half];
    __syncthreads();
  }
  return part[t % across];
}
