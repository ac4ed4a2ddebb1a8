// Attention block by block: no matrix of all queries and keys ever exists.
//
// A block of 16 x 16 threads takes 64 rows (queries, or keys for their gradients) of one head and goes through the other side in
// tiles of TILE columns. It makes the tile of scores from both sides' vectors, DEPTH numbers at a time, then of it the weights, and
// adds their product with 64 numbers of each column's vector to its sums. Wider vectors are several units of work, each of which
// makes the scores again. All sums are made in the same order each time.
// Source: Dao et al. (2022), "FlashAttention", arXiv:2205.14135.
#include "team.cuh"

constexpr int ROWS = 64, WIDTH = 64, DEPTH = 16, SIDE = 16, HIGH = ROWS / SIDE, WIDE = TILE / SIDE, ACROSS = WIDTH / SIDE;
constexpr int PITCH = DEPTH + 1, WEIGHTS = TILE + 1;

struct AttentionShape {  // what attention.py packs; steps count elements
  long long q[3], k[3], v[3], mask[4];
  int heads, queries, keys, depth, width, causal, hides, masked;
};
struct Shared {
  ACC rows[ROWS * PITCH], columns[TILE * PITCH], weights[ROWS * WEIGHTS], values[TILE * WIDTH];
};
struct Vectors {  // so many vectors of numbers, `step` elements apart
  const T* from;
  long long step;
  int count, length;
};

__device__ __forceinline__ int row_of(int i) { return threadIdx.x / SIDE * HIGH + i; }
__device__ __forceinline__ int column_of(int j) { return threadIdx.x % SIDE + SIDE * j; }
__device__ __forceinline__ ACC larger(ACC a, ACC b) { return a >= b || a != a ? a : b; }  // NaN, if there is one

// DEPTH numbers of so many vectors, from `begin` on; 0 where there are none.
template <int COUNT> __device__ __forceinline__ void fetch(ACC* shared, const Vectors& from, int begin) {
  for (int e = threadIdx.x; e < COUNT * DEPTH; e += BLOCK) {
    const int r = e / DEPTH, d = e % DEPTH;
    shared[r * PITCH + d] = r < from.count && begin + d < from.length ? ACC(from.from[r * from.step + begin + d]) : ACC(0);
  }
}

// scores = the products of ROWS vectors with TILE others.
__device__ __forceinline__ void products(ACC (&scores)[HIGH][WIDE], const Vectors& a, const Vectors& b, Shared& s) {
#pragma unroll
  for (int i = 0; i < HIGH; i++)
#pragma unroll
    for (int j = 0; j < WIDE; j++) scores[i][j] = 0;
  for (int begin = 0; begin < a.length; begin += DEPTH) {
    __syncthreads();  // what was there has been read
    fetch<ROWS>(s.rows, a, begin);
    fetch<TILE>(s.columns, b, begin);
    __syncthreads();
#pragma unroll
    for (int d = 0; d < DEPTH; d++) {
      ACC left[HIGH], right[WIDE];
#pragma unroll
      for (int i = 0; i < HIGH; i++) left[i] = s.rows[row_of(i) * PITCH + d];
#pragma unroll
      for (int j = 0; j < WIDE; j++) right[j] = s.columns[column_of(j) * PITCH + d];
#pragma unroll
      for (int i = 0; i < HIGH; i++)
#pragma unroll
        for (int j = 0; j < WIDE; j++) scores[i][j] += left[i] * right[j];
    }
  }
}

// sums += weights (ROWS x TILE) times numbers first ... first + WIDTH of TILE vectors.
__device__ __forceinline__ void add(ACC (&sums)[HIGH][ACROSS], const ACC (&weights)[HIGH][WIDE], const Vectors& b, int first,
                                    Shared& s) {
  __syncthreads();
#pragma unroll
  for (int i = 0; i < HIGH; i++)
#pragma unroll
    for (int j = 0; j < WIDE; j++) s.weights[row_of(i) * WEIGHTS + column_of(j)] = weights[i][j];
  for (int e = threadIdx.x; e < TILE * WIDTH; e += BLOCK) {
    const int c = e / WIDTH, d = first + e % WIDTH;
    s.values[e] = c < b.count && d < b.length ? ACC(b.from[c * b.step + d]) : ACC(0);
  }
  __syncthreads();
#pragma unroll 4
  for (int c = 0; c < TILE; c++) {
    ACC left[HIGH], right[ACROSS];
#pragma unroll
    for (int i = 0; i < HIGH; i++) left[i] = s.weights[row_of(i) * WEIGHTS + c];
#pragma unroll
    for (int j = 0; j < ACROSS; j++) right[j] = s.values[c * WIDTH + column_of(j)];
#pragma unroll
    for (int i = 0; i < HIGH; i++)
#pragma unroll
      for (int j = 0; j < ACROSS; j++) sums[i][j] += left[i] * right[j];
  }
}

// to[row][first + column] = sums times a number for each row, as far as there are rows and columns.
template <class F>
__device__ __forceinline__ void store(T* to, int rows, int length, int first, const ACC (&sums)[HIGH][ACROSS], F scaled) {
#pragma unroll
  for (int i = 0; i < HIGH; i++)
#pragma unroll
    for (int j = 0; j < ACROSS; j++)
      if (row_of(i) < rows && first + column_of(j) < length)
        to[(long long)row_of(i) * length + first + column_of(j)] = T(scaled(i, sums[i][j]));
}

// One head: where its vectors lie, and what hides its scores.
struct Head {
  const T *q, *k, *v, *mask;
  long long number;
  __device__ __forceinline__ Head(const T* q, const T* k, const T* v, const T* mask, long long number, const AttentionShape& g)
      : number(number) {
    const long long n = number / g.heads, h = number % g.heads;
    this->q = q + n * g.q[0] + h * g.q[1];
    this->k = k + n * g.k[0] + h * g.k[1];
    this->v = v + n * g.v[0] + h * g.v[1];
    this->mask = mask + n * g.mask[0] + h * g.mask[1];
  }
  __device__ __forceinline__ Vectors queries(int first, int most, const AttentionShape& g) const {
    return {q + first * g.q[2], g.q[2], min(most, g.queries - first), g.depth};
  }
  __device__ __forceinline__ Vectors keys(int first, int most, const AttentionShape& g) const {
    return {k + first * g.k[2], g.k[2], min(most, g.keys - first), g.depth};
  }
  __device__ __forceinline__ Vectors values(int first, int most, const AttentionShape& g) const {
    return {v + first * g.v[2], g.v[2], min(most, g.keys - first), g.width};
  }
  // A score with all that hides it.
  __device__ __forceinline__ ACC seen(ACC score, int query, int key, ACC scale, const AttentionShape& g) const {
    if (query >= g.queries || key >= g.keys || (g.causal && key > query)) return -INFINITE;
    score *= scale;
    if (!g.masked) return score;
    const ACC more = ACC(mask[query * g.mask[2] + key * g.mask[3]]);
    if (g.hides) return more == -INFINITE ? more : score;
    return score + more;
  }
};

// Whether a number among x is none, or infinite: then hidden keys count as 0 times that, and no tile may be left out.
KERNEL(attention_look, 256)(const T* __restrict__ x, long long n, int* strange) {
  bool found = false;
  for (long long i = blockIdx.x * (long long)BLOCK + threadIdx.x; i < n; i += (long long)gridDim.x * BLOCK) {
    const ACC value = ACC(x[i]);
    found = found || !(value - value == 0);
  }
  if (__syncthreads_or(found) && threadIdx.x == 0) atomicMax(strange, 1);
}

// The number that stands for a query's largest score: itself, or of a half one that is not below, for the sum is relative to it.
__device__ __forceinline__ ACC kept_top(ACC top) {
  if (sizeof(T) > 2) return top;
  return ACC(T(top + fabs(top) * ACC(0.00390625)));
}

KERNEL(attention, 256)(const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ v, const T* __restrict__ mask,
                       const int* __restrict__ strange, T* __restrict__ y, T* __restrict__ tops, T* __restrict__ totals, ACC scale,
                       long long units, AttentionShape g) {
  __shared__ Shared s;
  const int blocks = (g.queries + ROWS - 1) / ROWS, parts = max(1, (g.width + WIDTH - 1) / WIDTH);
  for (long long unit = blockIdx.x; unit < units; unit += gridDim.x) {
    long long rest = unit;
    const int first = int(split_off(rest, parts)) * WIDTH, row = int(split_off(rest, blocks)) * ROWS;
    const Head head(q, k, v, mask, rest, g);
    const int end = g.causal && !(strange && *strange) ? min(g.keys, row + ROWS) : g.keys;
    ACC top[HIGH], total[HIGH], sums[HIGH][ACROSS] = {};
#pragma unroll
    for (int i = 0; i < HIGH; i++) top[i] = -INFINITE, total[i] = 0;
    for (int key = 0; key < end; key += TILE) {
      ACC scores[HIGH][WIDE];
      products(scores, head.queries(row, ROWS, g), head.keys(key, TILE, g), s);
#pragma unroll
      for (int i = 0; i < HIGH; i++) {
        ACC largest = top[i];
#pragma unroll
        for (int j = 0; j < WIDE; j++) {
          scores[i][j] = head.seen(scores[i][j], row + row_of(i), key + column_of(j), scale, g);
          largest = larger(largest, scores[i][j]);
        }
#pragma unroll
        for (int far = SIDE / 2; far; far /= 2) largest = larger(largest, __shfl_xor_sync(0xffffffffu, largest, far));
        const bool hidden = largest == -INFINITE;
        const ACC shrink = hidden ? ACC(1) : exp(top[i] - largest);
        ACC part = 0;
#pragma unroll
        for (int j = 0; j < WIDE; j++) {
          scores[i][j] = hidden ? ACC(0) : exp(scores[i][j] - largest);
          part += scores[i][j];
        }
#pragma unroll
        for (int far = SIDE / 2; far; far /= 2) part += __shfl_xor_sync(0xffffffffu, part, far);
        top[i] = largest;
        total[i] = total[i] * shrink + part;
#pragma unroll
        for (int j = 0; j < ACROSS; j++) sums[i][j] *= shrink;
      }
      add(sums, scores, head.values(key, TILE, g), first, s);
    }
    const int rows = min(ROWS, g.queries - row);
    const long long at = head.number * g.queries + row;
    store(y + at * g.width, rows, g.width, first, sums, [&](int i, ACC sum) { return top[i] == -INFINITE ? sum * 0 : sum / total[i]; });
#pragma unroll
    for (int i = 0; i < HIGH; i++) {
      if (first || threadIdx.x % SIDE || row_of(i) >= rows) continue;
      const bool hidden = top[i] == -INFINITE;
      const ACC kept = kept_top(top[i]);
      tops[at + row_of(i)] = T(hidden ? ACC(0) : kept);
      totals[at + row_of(i)] = T(hidden ? INFINITE : total[i] * exp(top[i] - kept));
    }
  }
}

// The sum of gy y for each query.
KERNEL(attention_dots, 256)(const T* __restrict__ gy, const T* __restrict__ y, ACC* __restrict__ dots, long long rows, int width) {
  for (long long r = first_row<Warp>(); r < rows; r += rows_step<Warp>()) {
    ACC sum = 0;
    for (int d = member<Warp>(); d < width; d += WARP) sum += ACC(gy[r * width + d]) * ACC(y[r * width + d]);
    sum = Warp::reduce<Add>(sum);
    if (member<Warp>() == 0) dots[r] = sum;
  }
}

// What the gradients of a query have of it, and their weights: those of the scores if `of_scores`, else those of the values.
struct Saved {
  const T *top, *total;
  const ACC* dots;
  __device__ __forceinline__ ACC weight(ACC score, int query) const { return exp(score - ACC(top[query])) / ACC(total[query]); }
};

KERNEL(attention_grad_queries, 256)(const T* __restrict__ gy, const T* __restrict__ q, const T* __restrict__ k,
                                    const T* __restrict__ v, const T* __restrict__ mask, const int* __restrict__ strange,
                                    const T* __restrict__ tops, const T* __restrict__ totals, const ACC* __restrict__ dots,
                                    T* __restrict__ gq, ACC scale, long long units, AttentionShape g) {
  __shared__ Shared s;
  const int blocks = (g.queries + ROWS - 1) / ROWS, parts = (g.depth + WIDTH - 1) / WIDTH;
  for (long long unit = blockIdx.x; unit < units; unit += gridDim.x) {
    long long rest = unit;
    const int first = int(split_off(rest, parts)) * WIDTH, row = int(split_off(rest, blocks)) * ROWS;
    const Head head(q, k, v, mask, rest, g);
    const int rows = min(ROWS, g.queries - row), end = g.causal && !(strange && *strange) ? min(g.keys, row + ROWS) : g.keys;
    const long long at = head.number * g.queries + row;
    const Vectors cotangents = {gy + at * g.width, g.width, rows, g.width};
    const Saved saved = {tops + at, totals + at, dots + at};
    ACC sums[HIGH][ACROSS] = {};
    for (int key = 0; key < end; key += TILE) {
      ACC scores[HIGH][WIDE], slopes[HIGH][WIDE];
      products(scores, head.queries(row, ROWS, g), head.keys(key, TILE, g), s);
      products(slopes, cotangents, head.values(key, TILE, g), s);
#pragma unroll
      for (int i = 0; i < HIGH; i++)
#pragma unroll
        for (int j = 0; j < WIDE; j++) {
          const int r = row_of(i), c = key + column_of(j);
          const bool there = r < rows && c < g.keys;
          const ACC score = head.seen(scores[i][j], row + r, c, scale, g);
          slopes[i][j] = there ? saved.weight(score, r) * (slopes[i][j] - saved.dots[r]) : ACC(0);
        }
      add(sums, slopes, head.keys(key, TILE, g), first, s);
    }
    store(gq + at * g.depth, rows, g.depth, first, sums, [&](int, ACC sum) { return sum * scale; });
  }
}

// Units are parts of the gradient of keys, then parts of that of values.
KERNEL(attention_grad_keys, 256)(const T* __restrict__ gy, const T* __restrict__ q, const T* __restrict__ k,
                                 const T* __restrict__ v, const T* __restrict__ mask, const int* __restrict__ strange,
                                 const T* __restrict__ tops, const T* __restrict__ totals, const ACC* __restrict__ dots,
                                 T* __restrict__ gk, T* __restrict__ gv, ACC scale, long long units, AttentionShape g) {
  __shared__ Shared s;
  const int blocks = (g.keys + ROWS - 1) / ROWS, of_keys = (g.depth + WIDTH - 1) / WIDTH;
  const int parts = of_keys + (g.width + WIDTH - 1) / WIDTH;
  for (long long unit = blockIdx.x; unit < units; unit += gridDim.x) {
    long long rest = unit;
    const int part = int(split_off(rest, parts)), row = int(split_off(rest, blocks)) * ROWS;
    const bool keys = part < of_keys;
    const int first = (keys ? part : part - of_keys) * WIDTH, rows = min(ROWS, g.keys - row);
    const Head head(q, k, v, mask, rest, g);
    const long long queries = head.number * g.queries, at = head.number * g.keys + row;
    ACC sums[HIGH][ACROSS] = {};
    for (int query = g.causal && !(strange && *strange) ? row / TILE * TILE : 0; query < g.queries; query += TILE) {
      const Vectors cotangents = {gy + (queries + query) * g.width, g.width, min(TILE, g.queries - query), g.width};
      const Saved saved = {tops + queries, totals + queries, dots + queries};
      ACC scores[HIGH][WIDE], slopes[HIGH][WIDE];
      products(scores, head.keys(row, ROWS, g), head.queries(query, TILE, g), s);
      if (keys) products(slopes, head.values(row, ROWS, g), cotangents, s);
#pragma unroll
      for (int i = 0; i < HIGH; i++)
#pragma unroll
        for (int j = 0; j < WIDE; j++) {
          const int r = row_of(i), c = query + column_of(j);
          if (r < rows && c < g.queries) {
            scores[i][j] = saved.weight(head.seen(scores[i][j], c, row + r, scale, g), c);
            if (keys) scores[i][j] *= slopes[i][j] - saved.dots[c];
          } else {
            scores[i][j] = 0;
          }
        }
      if (keys) add(sums, scores, head.queries(query, TILE, g), first, s);
      else add(sums, scores, cotangents, first, s);
    }
    if (keys) store(gk + at * g.depth, rows, g.depth, first, sums, [&](int, ACC sum) { return sum * scale; });
    else store(gv + at * g.width, rows, g.width, first, sums, [&](int, ACC sum) { return sum; });
  }
}
