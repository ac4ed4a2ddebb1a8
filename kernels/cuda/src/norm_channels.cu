// Batch normalisation, and the gradients of all weights and biases of normalisations: sums over channels, and one value a thread.
#include "channels.cuh"

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
// The statistics are left as they are summed, for channel_normalise, and as the caller gets them. Where there are running ones they
// move a part of the way, the variance as the unbiased estimate; a negative part is 1 / the number of batches with this one.
KERNEL(channel_statistics, 256)(const T* __restrict__ x, const ACC* __restrict__ parts, ACC* __restrict__ wide_mean,
                                ACC* __restrict__ wide_rstd, T* __restrict__ mean, T* __restrict__ rstd,
                                T* __restrict__ running_mean, T* __restrict__ running_variance,
                                const long long* __restrict__ batches, long long channels, long long inner, long long values,
                                int splits, long long split_size, ACC eps, ACC part) {
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
    if (running_mean) {
      const ACC way = part < 0 ? ACC(1) / ACC(*batches + 1) : part, old = ACC(running_mean[c]), spread = ACC(running_variance[c]);
      running_mean[c] = T(old + way * (wide_mean[c] - old));
      running_variance[c] = T(spread + way * (all.squares / ACC(values > 1 ? values - 1 : 1) - spread));
    }
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

// y = (x - mean) rstd weight + bias. Where batches are counted this is one more: channel_statistics has read how many there were.
KERNEL(channel_normalise, 256)(const T* __restrict__ x, const ACC* __restrict__ mean, const ACC* __restrict__ rstd,
                               const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ y,
                               long long* __restrict__ batches, long long total, long long channels, long long inner) {
  if (batches && blockIdx.x == 0 && threadIdx.x == 0) *batches += 1;
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
