// Sums over a channel of (outer, channels, inner), for batch normalisation and for the gradients of all weights and biases.
//
// A channel's outer * inner values are dealt out to `splits` parts, because a few channels alone would not keep a card busy.
// A block makes one part for `across` neighbouring channels: 1 if inner is long, so that neighbouring threads read
// neighbouring values of it, else 32, so that they read neighbouring channels. Parts are put together in order: the same bits
// on every card.
#include "team.cuh"

// What falls to this thread: values first, first + step ... below end of a channel.
struct Share {
  long long channel, first, end, step, split;
  bool exists;
};
__device__ __forceinline__ Share share_of(long long job, long long outer, long long channels, long long inner, int across,
                                          long long split_size) {
  const long long tiles = quotient(channels + across - 1, across), split = quotient(job, tiles);
  const long long channel = (job - split * tiles) * across + threadIdx.x % across, begin = split * split_size;
  const bool exists = channel < channels;
  return {channel, begin + threadIdx.x / across, exists ? min(begin + split_size, outer * inner) : 0, BLOCK / across, split, exists};
}
// Value j of a channel is in image `o`, at `at` of the whole array.
struct Value { long long o, at; };
__device__ __forceinline__ Value value_of(long long j, long long channel, long long channels, long long inner) {
  const long long o = quotient(j, inner);
  return {o, (o * channels + channel) * inner + (j - o * inner)};
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

// Mean, and sum of squared distances from it, of each part. parts: (splits, 2, channels).
KERNEL(channel_moments, 256)(const T* __restrict__ x, ACC* __restrict__ parts, long long outer, long long channels,
                             long long inner, int across, int splits, long long split_size) {
  const long long jobs = quotient(channels + across - 1, across) * splits;
  for (long long job = blockIdx.x; job < jobs; job += gridDim.x) {
    const Share mine = share_of(job, outer, channels, inner, across, split_size);
    const long long begin = mine.split * split_size, size = min(begin + split_size, outer * inner) - begin;
    const ACC pivot = mine.exists ? pivot_of(x, mine.channel, inner, outer * inner) : ACC(0);
    ACC sum = 0, squares = 0;
    for (long long j = mine.first; j < mine.end; j += mine.step)
      sum += ACC(x[value_of(j, mine.channel, channels, inner).at]) - pivot;
    const ACC mean = sum_of_channel(sum, across) / ACC(size > 0 ? size : 1);
    for (long long j = mine.first; j < mine.end; j += mine.step) {
      const ACC far = ACC(x[value_of(j, mine.channel, channels, inner).at]) - pivot - mean;
      squares += far * far;
    }
    squares = sum_of_channel(squares, across);
    if (mine.exists && threadIdx.x < across) {
      parts[mine.split * 2 * channels + mine.channel] = mean;
      parts[(mine.split * 2 + 1) * channels + mine.channel] = squares;
    }
  }
}

// Put the parts' moments together. Chan, Golub and LeVeque (1979), the pairwise form of Welford's update.
// The statistics are left as they are summed, for channel_normalise, and as the caller gets them.
KERNEL(channel_statistics, 256)(const T* __restrict__ x, const ACC* __restrict__ parts, ACC* __restrict__ wide_mean,
                                ACC* __restrict__ wide_rstd, T* __restrict__ mean, T* __restrict__ rstd, long long channels,
                                long long inner, long long values, int splits, long long split_size, ACC eps) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x; c < channels; c += threads) {
    ACC centre = parts[c], squares = parts[channels + c];
    long long count = min(split_size, values);
    for (long long split = 1; split < splits; split++) {
      const long long more = min(split_size, values - split * split_size);
      const ACC other = parts[split * 2 * channels + c], apart = other - centre, share = ACC(more) / ACC(count + more);
      squares += parts[(split * 2 + 1) * channels + c] + apart * apart * ACC(count) * share;
      centre = centre * (1 - share) + other * share;  // and not centre + apart * share, which loses an infinity
      count += more;
    }
    wide_mean[c] = pivot_of(x, c, inner, values) + centre;
    wide_rstd[c] = ACC(1) / sqrt(squares / ACC(values > 0 ? values : 1) + eps);
    mean[c] = T(wide_mean[c]);
    rstd[c] = T(wide_rstd[c]);
  }
}

// y = (x - mean) rstd weight + bias
KERNEL(channel_normalise, 256)(const T* __restrict__ x, const ACC* __restrict__ mean, const ACC* __restrict__ rstd,
                               const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ y, long long total,
                               long long channels, long long inner) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long rest = quotient(i, inner);
    const long long c = split_off(rest, channels);
    ACC value = (ACC(x[i]) - mean[c]) * rstd[c];
    if (weight) value *= ACC(weight[c]);
    if (bias) value += ACC(bias[c]);
    y[i] = T(value);
  }
}

// The sums of gy and of gy y, y = (x - mean) rstd, of each part. parts: (splits, 2, channels).
// Channel c of image o takes statistics o * per_image + c / sharing.
KERNEL(channel_sums, 256)(const T* __restrict__ gy, const T* __restrict__ x, const T* __restrict__ mean, const T* __restrict__ rstd,
                          ACC* __restrict__ parts, long long outer, long long channels, long long inner, long long per_image,
                          long long sharing, int across, int splits, long long split_size) {
  const long long jobs = quotient(channels + across - 1, across) * splits;
  for (long long job = blockIdx.x; job < jobs; job += gridDim.x) {
    const Share mine = share_of(job, outer, channels, inner, across, split_size);
    const long long unit = quotient(mine.channel, sharing);
    ACC sum = 0, sum_y = 0;
    for (long long j = mine.first; j < mine.end; j += mine.step) {
      const Value v = value_of(j, mine.channel, channels, inner);
      const long long u = v.o * per_image + unit;
      const ACC g = ACC(gy[v.at]);
      sum += g;
      sum_y += g * ((ACC(x[v.at]) - ACC(mean[u])) * ACC(rstd[u]));
    }
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
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long rest = quotient(i, inner);
    const long long c = split_off(rest, channels);
    const ACC scale = ACC(rstd[c]), y = (ACC(x[i]) - ACC(mean[c])) * scale;
    const ACC g = ACC(gy[i]) - sum[c] / ACC(values) - y * (sum_y[c] / ACC(values));
    gx[i] = T((weight ? ACC(weight[c]) : ACC(1)) * scale * g);
  }
}
