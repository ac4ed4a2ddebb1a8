// Products of states with recurrent weights on tensor cores (mma.cuh), sums being float: both are rounded to what NUMBERS says.
//
// A warp's part of the work, 16 sequences of UNITS = 8 units, is one product of mma for each gate. The weights of a block are
// rounded once, and stay in shared memory as words; states are brought there as they lie, by copies that run beside the arithmetic.
#pragma once
#include "recurrent.cuh"
#include "mma.cuh"

constexpr int PER_WORD = NUMBERS == TF32 ? 1 : 2, STEP = 8 * PER_WORD;  // numbers of a word, and of a product
constexpr int LINE = DEPTH + (NUMBERS == TF32 ? 4 : 8);                 // from one row of a tile to the next: reads meet no bank twice
static_assert(UNITS == 8 && ROWS_OF_WARP == 16, "a product's columns and rows");
static_assert(DEPTH % (2 * STEP) == 0, "two products' weights are read at once");

// Weights of the block's units: words of slice[gate][unit], p.pitch apart, an odd multiple of 16 bytes. Of units that do not exist, and
// behind the last k, they are 0. Value (unit, k, gate) as in recurrent_plain.cuh.
template <int GATES> __device__ __forceinline__ int slice_size(const RecurrentPlan& p) { return GATES * p.units * p.pitch; }
template <int GATES> __device__ __forceinline__ void load_slice(const T* w, ACC* slice, const RecurrentPlan& p, const Work& mine,
                                                                int depth, bool transposed) {
  unsigned* const words = reinterpret_cast<unsigned*>(slice);
  for (int e = threadIdx.x; e < slice_size<GATES>(p); e += THREADS) {
    const int word = e % p.pitch, unit = e / p.pitch % p.units, gate = e / p.pitch / p.units, j = mine.first_unit + unit;
    auto weight = [&](int k) {
      if (k >= depth || unit >= mine.units) return 0.f;
      return w[transposed ? (long long)k * p.hidden + j : ((long long)gate * p.hidden + j) * depth + k];
    };
    words[e] = PER_WORD == 1 ? to_tf32(weight(word)) : pack_bf16(weight(2 * word), weight(2 * word + 1));
  }
}

// 16 rows x 8 words of a tile, rounded; rows: the first of them.
__device__ __forceinline__ void round_rows(unsigned (&r)[4], const float* rows, int step) {
  const int lane = threadIdx.x % 32;
  if constexpr (NUMBERS == TF32) {
    load_matrices(r, rows + lane % 16 * LINE + step * 8 + lane / 16 * 4);
#pragma unroll
    for (int i = 0; i < 4; i++) r[i] = to_tf32(__uint_as_float(r[i]));
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float2 pair = *reinterpret_cast<const float2*>(rows + (lane / 4 + i % 2 * 8) * LINE + step * 16 + lane % 4 * 2 + i / 2 * 8);
      r[i] = pack_bf16(pair.x, pair.y);
    }
  }
}

// As in recurrent_plain.cuh. STAGES tiles are in shared memory or on their way there.
template <int GATES> __device__ __forceinline__ void multiply(const ACC* rows, const ACC* slice, ACC* tile, const RecurrentPlan& p,
                                                              const Work& mine, int first_row, int depth, int group) {
  const int span = span_of(p, depth), steps = span / DEPTH, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  auto fetch = [&](int step) {
    for (int e = threadIdx.x; step < steps && e < LINES * DEPTH / 4; e += THREADS) {
      const int l = e / (DEPTH / 4), column = e % (DEPTH / 4) * 4, n = first_row + (l & p.rows - 1);
      const int k = l * p.parts / LINES * span + step * DEPTH + column, there = n < p.batch ? max(0, min(4, depth - k)) : 0;
      const float* from = rows + (there ? (long long)n * depth + k : 0);
      float* to = tile + step % STAGES * (LINES * LINE) + l * LINE + column;
      if (depth % 4 == 0) {
        copy_async<16>(to, from, 4 * there);
      } else {
#pragma unroll
        for (int i = 0; i < 4; i++) copy_async<4>(to + i, from + (i < there ? i : 0), i < there ? 4 : 0);
      }
    }
    copies_commit();  // a group without copies, too: the groups are counted
  };
  __syncthreads();  // what was in the tiles has been read
#pragma unroll
  for (int step = 0; step < STAGES - 1; step++) fetch(step);

  float sum[2][GATES][4] = {};  // of even and odd products, which need not wait for each other
  const unsigned* const weights = reinterpret_cast<const unsigned*>(slice) + (group + lane % 8) * p.pitch + lane / 8 * 4;
  for (int step = 0; step < steps; step++) {
    copies_wait<STAGES - 2>();
    __syncthreads();
    fetch(step + STAGES - 1);  // to where the tile before this one was, which all have done with
    const float* const mine_of_tile = tile + step % STAGES * (LINES * LINE) + warp * ROWS_OF_WARP * LINE;
    const unsigned* const words = weights + (mine.part * span + step * DEPTH) / PER_WORD;
#pragma unroll
    for (int two = 0; two < DEPTH / STEP / 2; two++) {
      unsigned of_gates[GATES][4];
#pragma unroll
      for (int gate = 0; gate < GATES; gate++) load_matrices(of_gates[gate], words + gate * p.units * p.pitch + two * 16);
#pragma unroll
      for (int odd = 0; odd < 2; odd++) {
        unsigned of_rows[4];
        round_rows(of_rows, mine_of_tile, 2 * two + odd);
#pragma unroll
        for (int gate = 0; gate < GATES; gate++) {
          const unsigned columns[2] = {of_gates[gate][2 * odd], of_gates[gate][2 * odd + 1]};
          if constexpr (NUMBERS == TF32) mma_tf32(sum[odd][gate], of_rows, columns);
          else mma_bf16(sum[odd][gate], of_rows, columns);
        }
      }
    }
  }
  copies_wait<0>();
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 4; i++) {  // to the threads that make these rows and units
    const int row = lane / 4 + i / 2 * 8, thread = warp * 32 + row / EACH * UNITS + lane % 4 * 2 + i % 2;
#pragma unroll
    for (int gate = 0; gate < GATES; gate++) sum_at<GATES>(tile, p, mine.part, row % EACH, gate, thread) = sum[0][gate][i] + sum[1][gate][i];
  }
  __syncthreads();
}
