// Matrix products c (m, n) = a (m, k) b (k, n), stacked, on tensor cores (mma.cuh); sums are float.
//
// A block makes a tile of ROWS x COLUMNS, DEPTH at a time. STAGES parts of the operands are in shared memory or on their way there;
// all of it is brought by asynchronous copies as it lies. A warp makes WARP_ROWS x WARP_COLUMNS of the tile from fragments of
// 16 x 8 words. NUMBERS says what the numbers are multiplied as: T itself, or float rounded on its way out of shared memory.
#include "gemm.cuh"
#include "mma.cuh"

constexpr int PER_WORD = 4 / sizeof(T), CHUNK = 16 / sizeof(T);
constexpr int STEP = NUMBERS == TF32 ? 8 : 16;  // numbers along k that one mma takes
constexpr int ACROSS = COLUMNS / WARP_COLUMNS, HIGH = WARP_ROWS / 16, WIDE = WARP_COLUMNS / 8;
constexpr int STRIP = WARP_COLUMNS + 4;
static_assert(ROWS / WARP_ROWS * ACROSS * 32 == THREADS, "a warp for each part of the tile");

// An operand (SIZE x DEPTH of it at a time), in shared memory as in global: lines along k, or across it. The pitches are odd
// multiples of 16 bytes modulo the banks, so that the reads below meet no bank twice.
template <bool ALONG_K, int SIZE> struct Operand {
  static constexpr int LINES = ALONG_K ? SIZE : DEPTH, LENGTH = ALONG_K ? DEPTH : SIZE, CHUNKS = LENGTH / CHUNK;
  static constexpr int PITCH = LENGTH + (NUMBERS == ROUNDED ? (ALONG_K ? 8 : 4) : ALONG_K ? CHUNK : 8), ELEMENTS = LINES * PITCH;
  static_assert(PITCH % CHUNK == 0, "lines begin at 16 bytes");

  // Begin the copy of a part; what lies beyond `size` and `end` becomes 0. bytes: to which lines in memory are aligned.
  static __device__ __forceinline__ void fetch(T* shared, const T* matrix, const GemmShape& g, int size, int first, int begin, int end,
                                               int bytes) {
    for (int i = threadIdx.x; i < LINES * CHUNKS; i += THREADS) {
      const int line = i / CHUNKS + (ALONG_K ? first : begin), number = i % CHUNKS * CHUNK + (ALONG_K ? begin : first);
      const int there = line < (ALONG_K ? size : end) ? max(0, min(CHUNK, (ALONG_K ? end : size) - number)) : 0;
      const T* from = matrix + (there ? (long long)line * (ALONG_K ? g.k : size) + number : 0);
      T* to = shared + i / CHUNKS * PITCH + i % CHUNKS * CHUNK;
      if (bytes >= 16) {
        copy_async<16>(to, from, there * (int)sizeof(T));
      } else if (bytes >= 4) {
#pragma unroll
        for (int word = 0; word < 4; word++) {
          const int valid = max(0, min(4, there * (int)sizeof(T) - 4 * word));
          copy_async<4>(to + word * PER_WORD, from + (valid ? word * PER_WORD : 0), valid);
        }
      } else {
#pragma unroll
        for (int j = 0; j < CHUNK; j++) to[j] = j < there ? from[j] : T(0.f);
      }
    }
  }

  // 16 places x 8 words: r[0] places 0-7, words 0-3; r[1] places 8-15; r[2], r[3] the same of words 4-7. COLUMN: r[1] has words 4-7 of
  // places 0-7, and r[2], r[3] the same of places 8-15, so that each product gets neighbouring registers.
  template <bool COLUMN>
  static __device__ __forceinline__ void fragment(unsigned (&r)[4], const T* shared, int place, int step) {
    const int lane = threadIdx.x % 32, row = lane / 4, t = lane % 4;
    const int first = lane / 16, second = lane / 8 % 2, places = (COLUMN ? first : second) * 8, words = COLUMN ? second : first;
    if constexpr (NUMBERS == ROUNDED) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int p = place + row + (COLUMN ? i / 2 : i % 2) * 8, k = step * 16 + 2 * t + (COLUMN ? i % 2 : i / 2) * 8;
        if constexpr (ALONG_K) {
          const float2 pair = *reinterpret_cast<const float2*>(shared + p * PITCH + k);
          r[i] = pack_bf16(pair.x, pair.y);
        } else {
          r[i] = pack_bf16(shared[k * PITCH + p], shared[(k + 1) * PITCH + p]);
        }
      }
    } else if constexpr (ALONG_K) {
      load_matrices(r, shared + (place + places + lane % 8) * PITCH + (step * 8 + words * 4) * PER_WORD);
    } else if constexpr (PER_WORD == 2) {
      load_matrices_transposed(r, shared + (step * 16 + words * 8 + lane % 8) * PITCH + place + places);
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int k = step * 8 + t + (COLUMN ? i % 2 : i / 2) * 4, p = place + row + (COLUMN ? i / 2 : i % 2) * 8;
        r[i] = __float_as_uint(shared[k * PITCH + p]);
      }
    }
    if constexpr (NUMBERS == TF32) {
#pragma unroll
      for (int i = 0; i < 4; i++) r[i] = to_tf32(__uint_as_float(r[i]));
    }
  }
};

__device__ __forceinline__ void product(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  if constexpr (NUMBERS == TF32) mma_tf32(d, a, b);
  else if constexpr (NUMBERS == HALF) mma_f16(d, a, b);
  else mma_bf16(d, a, b);
}

template <bool A_ALONG_K, bool B_ALONG_K>
__device__ __forceinline__ void gemm(const T* a, const T* b, const Output& to, const GemmShape& g) {
  using A = Operand<A_ALONG_K, ROWS>;
  using B = Operand<B_ALONG_K, COLUMNS>;
  extern __shared__ __align__(16) unsigned char memory[];
  T* const stages = reinterpret_cast<T*>(memory);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_row = warp / ACROSS * WARP_ROWS, warp_column = warp % ACROSS * WARP_COLUMNS;
  float* const strip = reinterpret_cast<float*>(memory) + warp * 16 * STRIP;

  for (long long i = blockIdx.x; i < tiles_of(g); i += gridDim.x) {
    const Tile tile = tile_at(g, i);
    const T *a_matrix = matrix_of(a, g.a_stack, tile.batch, g.m, g.k), *b_matrix = matrix_of(b, g.b_stack, tile.batch, g.k, g.n);
    const int parts = (tile.end - tile.begin + DEPTH - 1) / DEPTH;
    auto fetch = [&](int part) {
      if (part < parts) {
        T* const shared = stages + part % STAGES * (A::ELEMENTS + B::ELEMENTS);
        const int begin = tile.begin + part * DEPTH;
        A::fetch(shared, a_matrix, g, g.m, tile.row, begin, tile.end, g.a_bytes);
        B::fetch(shared + A::ELEMENTS, b_matrix, g, g.n, tile.column, begin, tile.end, g.b_bytes);
      }
      copies_commit();  // a group without copies, too: the groups are counted
    };
#pragma unroll
    for (int part = 0; part < STAGES - 1; part++) fetch(part);

    float sum[HIGH][WIDE][4] = {};
    for (int part = 0; part < parts; part++) {
      copies_wait<STAGES - 2>();
      __syncthreads();
      fetch(part + STAGES - 1);  // to where the part before this one was, which all have done with
      const T* const shared_a = stages + part % STAGES * (A::ELEMENTS + B::ELEMENTS);
      const T* const shared_b = shared_a + A::ELEMENTS;
#pragma unroll
      for (int step = 0; step < DEPTH / STEP; step++) {
        unsigned fa[HIGH][4], fb[WIDE / 2][4];
#pragma unroll
        for (int r = 0; r < HIGH; r++) A::template fragment<false>(fa[r], shared_a, warp_row + 16 * r, step);
#pragma unroll
        for (int s = 0; s < WIDE / 2; s++) B::template fragment<true>(fb[s], shared_b, warp_column + 16 * s, step);
#pragma unroll
        for (int r = 0; r < HIGH; r++)
#pragma unroll
          for (int s = 0; s < WIDE; s++) {
            const unsigned columns[2] = {fb[s / 2][s % 2 * 2], fb[s / 2][s % 2 * 2 + 1]};
            product(sum[r][s], fa[r], columns);
          }
      }
    }

    // Out through shared memory, 16 rows of each warp at a time: one copy of the code behind it, and whole lines of c.
    copies_wait<0>();
    __syncthreads();
#pragma unroll
    for (int r = 0; r < HIGH; r++) {
      float* const mine = strip + lane / 4 * STRIP + lane % 4 * 2;
#pragma unroll
      for (int s = 0; s < WIDE; s++) {
        *reinterpret_cast<float2*>(mine + 8 * s) = make_float2(sum[r][s][0], sum[r][s][1]);
        *reinterpret_cast<float2*>(mine + 8 * STRIP + 8 * s) = make_float2(sum[r][s][2], sum[r][s][3]);
      }
      __syncwarp();
#pragma unroll 1
      for (int e = lane; e < 16 * WARP_COLUMNS; e += 32) {
        const int row = e / WARP_COLUMNS, column = e % WARP_COLUMNS;
        finish(to, g, tile, strip[row * STRIP + column], tile.row + warp_row + 16 * r + row, tile.column + warp_column + column);
      }
      __syncwarp();
    }
    __syncthreads();
  }
}

KERNEL(gemm_tensor_nn, THREADS)(const T* __restrict__ a, const T* __restrict__ b, T* c, ACC* sums, const T* __restrict__ bias,
                                GemmShape g) {
  gemm<true, false>(a, b, {c, sums, bias}, g);
}
KERNEL(gemm_tensor_nt, THREADS)(const T* __restrict__ a, const T* __restrict__ b, T* c, ACC* sums, const T* __restrict__ bias,
                                GemmShape g) {
  gemm<true, true>(a, b, {c, sums, bias}, g);
}
KERNEL(gemm_tensor_tn, THREADS)(const T* __restrict__ a, const T* __restrict__ b, T* c, ACC* sums, const T* __restrict__ bias,
                                GemmShape g) {
  gemm<false, false>(a, b, {c, sums, bias}, g);
}
