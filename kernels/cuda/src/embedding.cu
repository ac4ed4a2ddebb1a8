// Table lookup, and the gradient of the table.
#include "team.cuh"

// y[i] = weight[ids[i]]; NaN for an id outside the table, since nobody looks at ids before.
KERNEL(embedding, 256)(const T* __restrict__ weight, const long long* __restrict__ ids, T* __restrict__ y, long long count,
                       long long rows, long long size) {
  const long long total = count * size, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    const long long item = quotient(i, size), id = ids[item];
    y[i] = id >= 0 && id < rows ? weight[id * size + (i - item * size)] : T(NOT_A_NUMBER);
  }
}

// The first place in a sorted array with a value of at least `value`.
__device__ __forceinline__ long long lower_bound(const long long* sorted, long long count, long long value) {
  long long low = 0, high = count;
  while (low < high) {
    const long long middle = (low + high) / 2;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// gw[v] = the sum of gy over the items whose id is v. sorted: the ids in order; order: which item each of them was.
// A block makes 32 features of one row. Each of its warps adds up one eighth of the row's items, one feature a lane, and the
// eighths are added in order: no atomics, and the frequent words of a text do not wait for one thread.
KERNEL(embedding_grad, 256)(const T* __restrict__ gy, const long long* __restrict__ sorted, const long long* __restrict__ order,
                            T* __restrict__ gw, long long count, long long rows, long long size) {
  constexpr int WARPS = BLOCK / WARP;
  __shared__ ACC part[WARPS][WARP];
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  const long long tiles = quotient(size + WARP - 1, WARP);
  for (long long job = blockIdx.x; job < rows * tiles; job += gridDim.x) {
    const long long row = quotient(job, tiles), feature = (job - row * tiles) * WARP + lane;
    const long long begin = lower_bound(sorted, count, row), end = lower_bound(sorted, count, row + 1);
    const long long share = (end - begin + WARPS - 1) / WARPS, from = begin + warp * share, to = min(from + share, end);
    ACC sum = 0;
    if (feature < size)
      for (long long i = from; i < to; i++) sum += ACC(gy[order[i] * size + feature]);
    part[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && feature < size) {
      for (int w = 1; w < WARPS; w++) sum += part[w][lane];
      gw[row * size + feature] = T(sum);
    }
    __syncthreads();
  }
}

// The same sums, in the same order, from ids as they come: what sorting would put together is found by looking through all of
// them, once to count a row's items and once to add. For few rows or few items it is faster.
KERNEL(embedding_grad_scan, 256)(const T* __restrict__ gy, const long long* __restrict__ ids, T* __restrict__ gw, long long count,
                                 long long rows, long long size) {
  constexpr int WARPS = BLOCK / WARP;
  __shared__ ACC part[WARPS][WARP];
  __shared__ int found[WARPS];
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  const long long tiles = quotient(size + WARP - 1, WARP);
  for (long long job = blockIdx.x; job < rows * tiles; job += gridDim.x) {
    const long long row = quotient(job, tiles), feature = (job - row * tiles) * WARP + lane;
    int mine = 0;
    for (long long base = warp * WARP; base < count; base += BLOCK)
      mine += __popc(__ballot_sync(0xffffffffu, base + lane < count && ids[base + lane] == row));
    if (lane == 0) found[warp] = mine;
    __syncthreads();
    int total = 0;
    for (int w = 0; w < WARPS; w++) total += found[w];
    const int share = (total + WARPS - 1) / WARPS, from = warp * share, to = min(from + share, total);
    ACC sum = 0;
    int seen = 0;
    for (long long base = 0; base < count && seen < to; base += WARP) {
      unsigned int here = __ballot_sync(0xffffffffu, base + lane < count && ids[base + lane] == row);
      for (; here && seen < to; here &= here - 1, seen++)
        if (seen >= from && feature < size) sum += ACC(gy[(base + __ffs(here) - 1) * size + feature]);
    }
    part[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && feature < size) {
      for (int w = 1; w < WARPS; w++) sum += part[w][lane];
      gw[row * size + feature] = T(sum);
    }
    __syncthreads();
  }
}
