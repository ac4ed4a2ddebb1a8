// A warp's part of a tile on tensor cores: WARP_ROWS x WARP_COLUMNS of ROWS x COLUMNS.
#pragma once
#include "conv_words.cuh"
#include "mma.cuh"

constexpr int WARPS_ACROSS = COLUMNS / WARP_COLUMNS, HIGH = WARP_ROWS / 16, WIDE = WARP_COLUMNS / 8;
static_assert(ROWS / WARP_ROWS * WARPS_ACROSS * 32 == THREADS && WIDE % 2 == 0, "a warp for each part of the tile");
typedef float Sums[HIGH][WIDE][4];

__device__ __forceinline__ int warp_row() { return threadIdx.x / 32 / WARPS_ACROSS * WARP_ROWS; }
__device__ __forceinline__ int warp_column() { return threadIdx.x / 32 % WARPS_ACROSS * WARP_COLUMNS; }
// Where in the tile sum[i][j][2 high .. 2 high + 1] are: one row, two neighbouring columns.
__device__ __forceinline__ int row_at(int i, int high) { return warp_row() + 16 * i + 8 * high + threadIdx.x % 32 / 4; }
__device__ __forceinline__ int column_at(int j) { return warp_column() + 8 * j + 2 * (threadIdx.x % 4); }

// sum += 8 words of the inner dimension. a(place): the fragment of 16 rows from a place on: registers 0 and 1 hold places 0-7 and
// 8-15 of words 0-3, registers 2 and 3 the same of words 4-7. b(place), of 16 columns: registers 0 and 1 hold words 0-3 and 4-7 of
// places 0-7, registers 2 and 3 the same of places 8-15. So each product gets neighbouring registers, as the instruction wants them.
template <class A, class B> __device__ __forceinline__ void multiply(Sums& sum, A a, B b) {
  unsigned fa[HIGH][4], fb[WIDE / 2][4];
#pragma unroll
  for (int i = 0; i < HIGH; i++) a(fa[i], warp_row() + 16 * i);
#pragma unroll
  for (int j = 0; j < WIDE / 2; j++) b(fb[j], warp_column() + 16 * j);
#pragma unroll
  for (int i = 0; i < HIGH; i++)
#pragma unroll
    for (int j = 0; j < WIDE; j++) {
      const unsigned pair[2] = {fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]};
      if constexpr (NUMBERS == TF32) mma_tf32(sum[i][j], fa[i], pair);
      else if constexpr (NUMBERS == HALF) mma_f16(sum[i][j], fa[i], pair);
      else mma_bf16(sum[i][j], fa[i], pair);
    }
}
