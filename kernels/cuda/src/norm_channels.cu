// Sums over a channel of (outer, channels, inner), for batch normalisation and for the gradients of all weights and biases.
//
// A channel's outer * inner values are dealt out to `splits` parts, because a few channels alone would not keep a card busy.
// A block makes one part for `across` neighbouring channels: 1 if inner is long, so that neighbouring threads read
// neighbouring values of it, else 32, so that they read neighbouring channels. Parts are put together in order: the same bits
// on every card. Where `packs` says that inner and the parts are whole packs of 16 bytes, a thread takes a pack at a time, and
// apart an index once for all of it: memory then sets the pace, and not the divisions.
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

// A channel's first value. Moments are taken of the distances from it: the means of the parts differ by little, and far from
// zero that little would be lost in their rounding.
__device__ __forceinline__ ACC pivot_of(const T* x, long long channel, long long inner, long long values) {
  const ACC first = values > 0 ? ACC(x[channel * inner]) : ACC(0);
  return first - first == 0 ? first : ACC(0);  // infinity and NaN must stay where they are
}

// How many values, their mean, and the sum of their squared distances from it.
struct Moments { ACC count, mean, squares; };

// Chan, Golub and LeVeque (1979), the pairwise form of Welford's update.
__device__ __forceinline__ Moments joined(const Moments& a, const Moments& b) {
  if (b.count == 0) return a;
  const ACC count = a.count + b.count, share = b.count / count, apart = b.mean - a.mean;
  // and not a.mean + apart * share, which loses an infinity
  return {count, a.count == 0 ? b.mean : a.mean * (1 - share) + b.mean * share, a.squares + b.squares + apart * apart * a.count * share};
}
template <int N> __device__ __forceinline__ Moments moments_of(const ACC (&values)[N], ACC pivot) {
  ACC sum = 0, squares = 0;
#pragma unroll
  for (int k = 0; k < N; k++) sum += values[k] - pivot;
  const ACC mean = sum / ACC(N);
#pragma unroll
  for (int k = 0; k < N; k++) {
    const ACC far = values[k] - pivot - mean;
    squares += far * far;
  }
  return {ACC(N), mean, squares};
}

// Mean, and sum of squared distances from it, of each part, in one pass. parts: (splits, 2, channels).
KERNEL(channel_moments, 256)(const T* __restrict__ x, ACC* __restrict__ parts, long long outer, long long channels,
                             long long inner, int across, int splits, long long split_size, int packs) {
  __shared__ Moments of_thread[BLOCK];
  const long long jobs = quotient(channels + across - 1, across) * splits;
  const int t = threadIdx.x;
  for (long long job = blockIdx.x; job < jobs; job += gridDim.x) {
    const Share mine = share_of(job, outer, channels, inner, across, split_size);
    const ACC pivot = mine.exists ? pivot_of(x, mine.channel, inner, outer * inner) : ACC(0);
    const T* arrays[1] = {x};
    Moments sum = {0, 0, 0};
    each(mine, arrays, channels, inner, packs && packed(x, x), [&](auto& values, long long) { sum = joined(sum, moments_of(values[0], pivot)); });
    __syncthreads();  // the last job's result has been read
    of_thread[t] = sum;
    __syncthreads();
    for (int half = BLOCK / 2; half >= across; half /= 2) {
      if (t < half) of_thread[t] = joined(of_thread[t], of_thread[t + half]);
      __syncthreads();
    }
    if (mine.exists && t < across) {
      parts[mine.split * 2 * channels + mine.channel] = of_thread[t].mean;
      parts[(mine.split * 2 + 1) * channels + mine.channel] = of_thread[t].squares;
    }
  }
}

// Put the parts' moments together, in order.
// The statistics are left as they are summed, for channel_normalise, and as the caller gets them.
KERNEL(channel_statistics, 256)(const T* __restrict__ x, const ACC* __restrict__ parts, ACC* __restrict__ wide_mean,
                                ACC* __restrict__ wide_rstd, T* __restrict__ mean, T* __restrict__ rstd, long long channels,
                                long long inner, long long values, int splits, long long split_size, ACC eps) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x; c < channels; c += threads) {
    Moments all = {ACC(min(split_size, values)), parts[c], parts[channels + c]};
    for (long long split = 1; split < splits; split++) {
      const ACC more = ACC(min(split_size, values - split * split_size));
      all = joined(all, {more, parts[split * 2 * channels + c], parts[(split * 2 + 1) * channels + c]});
    }
    wide_mean[c] = pivot_of(x, c, inner, values) + all.mean;
    wide_rstd[c] = ACC(1) / sqrt(all.squares / ACC(values > 0 ? values : 1) + eps);
    mean[c] = T(wide_mean[c]);
    rstd[c] = T(wide_rstd[c]);
  }
}

// For each value of (outer, channels, inner), packs of them where that is possible: to = f(values, channel).
template <int ARRAYS, class F>
__device__ __forceinline__ void all_values(const T* (&arrays)[ARRAYS], T* to, long long total, long long channels, long long inner, F f) {
  const long long threads = (long long)gridDim.x * blockDim.x, first = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (inner % PACK == 0 && packed(arrays[0], arrays[ARRAYS - 1], to)) {
    for (long long p = first; p < total / PACK; p += threads) {
      long long rest = quotient(p * PACK, inner);
      const long long c = split_off(rest, channels);
      Pack in[ARRAYS], out;
#pragma unroll
      for (int a = 0; a < ARRAYS; a++) in[a] = reinterpret_cast<const Pack*>(arrays[a])[p];
#pragma unroll
      for (int k = 0; k < PACK; k++) {
        ACC values[ARRAYS];
#pragma unroll
        for (int a = 0; a < ARRAYS; a++) values[a] = ACC(in[a].at[k]);
        out.at[k] = T(f(values, c));
      }
      reinterpret_cast<Pack*>(to)[p] = out;
    }
  } else {
    for (long long i = first; i < total; i += threads) {
      long long rest = quotient(i, inner);
      const long long c = split_off(rest, channels);
      ACC values[ARRAYS];
#pragma unroll
      for (int a = 0; a < ARRAYS; a++) values[a] = ACC(arrays[a][i]);
      to[i] = T(f(values, c));
    }
  }
}

// y = (x - mean) rstd weight + bias
KERNEL(channel_normalise, 256)(const T* __restrict__ x, const ACC* __restrict__ mean, const ACC* __restrict__ rstd,
                               const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ y, long long total,
                               long long channels, long long inner) {
  const T* arrays[1] = {x};
  all_values(arrays, y, total, channels, inner, [&](const ACC (&v)[1], long long c) {
    ACC value = (v[0] - mean[c]) * rstd[c];
    if (weight) value *= ACC(weight[c]);
    if (bias) value += ACC(bias[c]);
    return value;
  });
}

// y = (x - mean) / sqrt(variance + eps) weight + bias
KERNEL(channel_affine, 256)(const T* __restrict__ x, const T* __restrict__ mean, const T* __restrict__ variance,
                            const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ y, long long total,
                            long long channels, long long inner, ACC eps) {
  const T* arrays[1] = {x};
  all_values(arrays, y, total, channels, inner, [&](const ACC (&v)[1], long long c) {
    ACC value = (v[0] - ACC(mean[c])) * ((weight ? ACC(weight[c]) : ACC(1)) / sqrt(ACC(variance[c]) + eps));
    if (bias) value += ACC(bias[c]);
    return value;
  });
}

// The sums of gy and of gy y, y = (x - mean) rstd, of each part. parts: (splits, 2, channels).
// Channel c of image o takes statistics o * per_image + c / sharing.
KERNEL(channel_sums, 256)(const T* __restrict__ gy, const T* __restrict__ x, const T* __restrict__ mean, const T* __restrict__ rstd,
                          ACC* __restrict__ parts, long long outer, long long channels, long long inner, long long per_image,
                          long long sharing, int across, int splits, long long split_size, int packs) {
  const long long jobs = quotient(channels + across - 1, across) * splits;
  for (long long job = blockIdx.x; job < jobs; job += gridDim.x) {
    const Share mine = share_of(job, outer, channels, inner, across, split_size);
    const long long unit = quotient(mine.channel, sharing);
    const T* arrays[2] = {gy, x};
    ACC sum = 0, sum_y = 0;
    each(mine, arrays, channels, inner, packs && packed(gy, x), [&](auto& values, long long image) {
      const long long u = image * per_image + unit;
      const ACC centre = ACC(mean[u]), scale = ACC(rstd[u]);
      constexpr int N = sizeof(values[0]) / sizeof(ACC);
#pragma unroll
      for (int k = 0; k < N; k++) {
        sum += values[0][k];
        sum_y += values[0][k] * ((values[1][k] - centre) * scale);
      }
    });
    sum = sum_of_channel(sum, across);
    sum_y = sum_of_channel(sum_y, across);
    if (mine.exists && threadIdx.x < across) {
      parts[mine.split * 2 * channels + mine.channel] = sum;
      parts[(mine.split * 2 + 1) * channels + mine.channel] = sum_y;
    }
  }
}

// The parts added up, first to last: for channel_grad, and as the gradients of bias and weight.
KERNEL(channel_sums_add, 256)(const ACC* __restrict__ parts, ACC* __restrict__ sum, ACC* __restrict__ sum_y,
                              T* __restrict__ gbias, T* __restrict__ gweight, long long channels, int splits) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x; c < channels; c += threads) {
    ACC a = 0, b = 0;
    for (long long split = 0; split < splits; split++) {
      a += parts[split * 2 * channels + c];
      b += parts[(split * 2 + 1) * channels + c];
    }
    sum[c] = a;
    sum_y[c] = b;
    gbias[c] = T(a);
    gweight[c] = T(b);
  }
}

// gx = rstd weight (gy - mean of gy - y mean of gy y), from the two sums.
KERNEL(channel_grad, 256)(const T* __restrict__ gy, const T* __restrict__ x, const T* __restrict__ weight,
                          const T* __restrict__ mean, const T* __restrict__ rstd, const ACC* __restrict__ sum,
                          const ACC* __restrict__ sum_y, T* __restrict__ gx, long long total, long long channels,
                          long long inner, long long values) {
  const T* arrays[2] = {gy, x};
  all_values(arrays, gx, total, channels, inner, [&](const ACC (&v)[2], long long c) {
    const ACC scale = ACC(rstd[c]), y = (v[1] - ACC(mean[c])) * scale;
    const ACC g = v[0] - sum[c] / ACC(values) - y * (sum_y[c] / ACC(values));
    return (weight ? ACC(weight[c]) : ACC(1)) * scale * g;
  });
}
