// A stable sort of ids by their lowest bits upwards, eight at a time (radix sort, least significant digit first), without atomics:
// the same order on every card, and unlike a library's it can be captured.
//
// A block counts the digits of a tile of keys; the counts, by digit and then by tile, are added up; then each block puts its keys
// where the digits before them, and equal digits of the tiles before it, end.
#define DIGITS 256
#define TILE 2048

// Which of the digits a key has; keys outside 0 ... rows - 1 become rows, which is behind all.
__device__ __forceinline__ long long key_of(const long long* keys, long long i, long long rows) {
  const long long key = keys[i];
  return key < 0 || key > rows ? rows : key;
}
__device__ __forceinline__ int digit_of(long long key, int shift) { return (int)(key >> shift) & (DIGITS - 1); }

KERNEL(radix_count, 256)(const long long* __restrict__ keys, int* __restrict__ counts, long long count, long long tiles,
                         long long rows, int shift) {
  __shared__ int digits[DIGITS];
  const int t = threadIdx.x;
  for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    int mine = 0;
    for (int round = 0; round < TILE / DIGITS; round++) {
      const long long i = tile * TILE + round * DIGITS + t;
      __syncthreads();
      digits[t] = i < count ? digit_of(key_of(keys, i, rows), shift) : -1;
      __syncthreads();
      for (int j = 0; j < DIGITS; j++) mine += digits[j] == t;
    }
    counts[t * tiles + tile] = mine;
  }
}

// counts becomes how many there are before each, by one block.
KERNEL(radix_scan, 256)(int* __restrict__ counts, long long total) {
  __shared__ int sums[256];
  const int t = threadIdx.x;
  const long long share = (total + 255) / 256, begin = t * share, end = min(begin + share, total);
  int sum = 0;
  for (long long i = begin; i < end; i++) sum += counts[i];
  sums[t] = sum;
  __syncthreads();
  int before = 0;
  for (int j = 0; j < t; j++) before += sums[j];
  for (long long i = begin; i < end; i++) {
    const int here = counts[i];
    counts[i] = before;
    before += here;
  }
}

// order: where each key came from; none before the first pass, when they are as they came.
KERNEL(radix_place, 256)(const long long* __restrict__ keys, const long long* __restrict__ order, const int* __restrict__ before,
                         long long* __restrict__ to_keys, long long* __restrict__ to_order, long long count, long long tiles,
                         long long rows, int shift) {
  __shared__ int digits[DIGITS], next[DIGITS];
  const int t = threadIdx.x;
  for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    __syncthreads();
    next[t] = before[t * tiles + tile];
    for (int round = 0; round < TILE / DIGITS; round++) {
      const long long i = tile * TILE + round * DIGITS + t;
      const long long key = i < count ? key_of(keys, i, rows) : 0;
      digits[t] = i < count ? digit_of(key, shift) : -1;
      __syncthreads();
      int equal = 0, later = 0;
      for (int j = 0; j < DIGITS; j++) {
        equal += j < t && digits[j] == digits[t];
        later += digits[j] == t;
      }
      if (i < count) {
        const int place = next[digits[t]] + equal;
        to_keys[place] = key;
        to_order[place] = order ? order[i] : i;
      }
      __syncthreads();
      next[t] += later;
    }
  }
}
