// Matrix products c (m, n) = a (m, k) b (k, n), stacked, on ordinary cores: the version of every card and dtype.
//
// A block makes a tile of ROWS x COLUMNS, DEPTH at a time, from two buffers in turn: while it multiplies one, the next part of the
// operands is on its way into registers. A thread makes PER_THREAD x PER_THREAD numbers: groups of 4 x 4 that lie far apart, so that
// neighbours read neighbouring numbers. nn, nt, tn: which operands are transposed, that is, lie in memory as their transpose.
#include "gemm.cuh"

struct __align__(sizeof(T) == 2 ? 8 : 16) Quad { T at[4]; };  // four numbers of an operand, read at once

constexpr int GROUPS = PER_THREAD / 4, ACROSS = COLUMNS / PER_THREAD, DOWN = ROWS / PER_THREAD;
static_assert(ACROSS * DOWN == THREADS && PER_THREAD % 4 == 0, "a thread for each part of the tile");
static_assert(ROWS * DEPTH == 4 * THREADS && COLUMNS * DEPTH == 4 * THREADS, "a thread brings four numbers of each operand");

// An operand (SIZE x DEPTH of it at a time). ALONG_K: numbers that lie side by side in memory differ in k. In shared memory its
// DEPTH is always slowest.
template <bool ALONG_K, int SIZE> struct Operand {
  static constexpr int LENGTH = ALONG_K ? DEPTH : SIZE, PITCH = SIZE + 4, NUMBERS = DEPTH * PITCH;

  // The four numbers of this thread; those beyond `size` and `end` are 0.
  static __device__ __forceinline__ Quad read(const T* matrix, const GemmShape& g, int size, int first, int begin, int end, int bytes) {
    const int line = threadIdx.x / (LENGTH / 4) + (ALONG_K ? first : begin);
    const int number = threadIdx.x % (LENGTH / 4) * 4 + (ALONG_K ? begin : first);
    const int there = line < (ALONG_K ? size : end) ? (ALONG_K ? end : size) - number : 0;
    const T* from = matrix + (long long)line * (ALONG_K ? g.k : size) + number;
    if (bytes >= alignof(Quad) && there >= 4) return *reinterpret_cast<const Quad*>(from);
    Quad q;
#pragma unroll
    for (int j = 0; j < 4; j++) q.at[j] = j < there ? from[j] : T(ACC(0));
    return q;
  }
  static __device__ __forceinline__ void write(ACC* shared, const Quad& q) {
    const int line = threadIdx.x / (LENGTH / 4), number = threadIdx.x % (LENGTH / 4) * 4;
#pragma unroll
    for (int j = 0; j < 4; j++) shared[ALONG_K ? (number + j) * PITCH + line : line * PITCH + number + j] = ACC(q.at[j]);
  }
};

template <bool A_ALONG_K, bool B_ALONG_K>
__device__ __forceinline__ void gemm(const T* a, const T* b, const Output& to, const GemmShape& g) {
  using A = Operand<A_ALONG_K, ROWS>;
  using B = Operand<B_ALONG_K, COLUMNS>;
  __shared__ __align__(16) ACC memory[2 * (A::NUMBERS + B::NUMBERS)];
  const int across = threadIdx.x % ACROSS, down = threadIdx.x / ACROSS;

  for (long long i = blockIdx.x; i < tiles_of(g); i += gridDim.x) {
    const Tile tile = tile_at(g, i);
    const T *a_matrix = matrix_of(a, g.a_stack, tile.batch, g.m, g.k), *b_matrix = matrix_of(b, g.b_stack, tile.batch, g.k, g.n);
    auto bring = [&](Quad& qa, Quad& qb, int begin) {
      qa = A::read(a_matrix, g, g.m, tile.row, begin, tile.end, g.a_bytes);
      qb = B::read(b_matrix, g, g.n, tile.column, begin, tile.end, g.b_bytes);
    };
    ACC *shared_a = memory, *shared_b = memory + A::NUMBERS;
    Quad qa, qb;
    bring(qa, qb, tile.begin);
    A::write(shared_a, qa);
    B::write(shared_b, qb);
    __syncthreads();

    ACC sum[PER_THREAD][PER_THREAD] = {};
    for (int begin = tile.begin; begin < tile.end; begin += DEPTH) {
      const bool more = begin + DEPTH < tile.end;
      if (more) bring(qa, qb, begin + DEPTH);
#pragma unroll
      for (int d = 0; d < DEPTH; d++) {
        Four fa[GROUPS], fb[GROUPS];
#pragma unroll
        for (int group = 0; group < GROUPS; group++) {
          fa[group] = four(shared_a + d * A::PITCH + group * (ROWS / GROUPS) + 4 * down);
          fb[group] = four(shared_b + d * B::PITCH + group * (COLUMNS / GROUPS) + 4 * across);
        }
#pragma unroll
        for (int r = 0; r < PER_THREAD; r++)
#pragma unroll
          for (int s = 0; s < PER_THREAD; s++) sum[r][s] += fa[r / 4].at[r % 4] * fb[s / 4].at[s % 4];
      }
      if (more) {
        const int other = shared_a == memory ? A::NUMBERS + B::NUMBERS : 0;
        shared_a = memory + other;
        shared_b = shared_a + A::NUMBERS;
        A::write(shared_a, qa);
        B::write(shared_b, qb);
        __syncthreads();
      }
    }

    // Out through shared memory, a row of each thread at a time: one copy of the code behind it, and whole lines of c.
#pragma unroll
    for (int r = 0; r < PER_THREAD; r++) {
      __syncthreads();
#pragma unroll
      for (int s = 0; s < PER_THREAD; s++)
        memory[down * (COLUMNS + 4) + s / 4 * (COLUMNS / GROUPS) + 4 * across + s % 4] = sum[r][s];
      __syncthreads();
#pragma unroll 1
      for (int e = threadIdx.x; e < DOWN * COLUMNS; e += THREADS) {
        const int strip = e / COLUMNS, column = e % COLUMNS, row = tile.row + r / 4 * (ROWS / GROUPS) + 4 * strip + r % 4;
        finish(to, g, tile, memory[strip * (COLUMNS + 4) + column], row, tile.column + column);
      }
    }
    __syncthreads();
  }
}

KERNEL(gemm_nn, THREADS)(const T* __restrict__ a, const T* __restrict__ b, T* c, ACC* sums, const T* __restrict__ bias, GemmShape g) {
  gemm<true, false>(a, b, {c, sums, bias}, g);
}
KERNEL(gemm_nt, THREADS)(const T* __restrict__ a, const T* __restrict__ b, T* c, ACC* sums, const T* __restrict__ bias, GemmShape g) {
  gemm<true, true>(a, b, {c, sums, bias}, g);
}
KERNEL(gemm_tn, THREADS)(const T* __restrict__ a, const T* __restrict__ b, T* c, ACC* sums, const T* __restrict__ bias, GemmShape g) {
  gemm<false, false>(a, b, {c, sums, bias}, g);
}
