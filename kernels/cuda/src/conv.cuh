// What the three convolution kernels share: window arithmetic, and the inner loop of a tile of an implicit matrix product.
#pragma once
#include "index.cuh"
#include "vector.cuh"

// Where in an input plane the window of output (p, q) begins; negative in the padding.
__device__ __forceinline__ int window_row(const ConvGeometry& g, int p) { return p * g.stride[0] - g.pad_lo[0]; }
__device__ __forceinline__ int window_column(const ConvGeometry& g, int q) { return q * g.stride[1] - g.pad_lo[1]; }
__device__ __forceinline__ bool inside(const ConvGeometry& g, int h, int w) {
  return (unsigned)h < (unsigned)g.in_shape[0] && (unsigned)w < (unsigned)g.in_shape[1];
}

// One operand of a tile in shared memory, the inner dimension slowest; + 4 spreads a column of it over the banks, and keeps
// the alignment that reading four at once needs.
static_assert(PER_THREAD == 4, "a thread reads four numbers of each operand at once");
typedef ACC RowTile[DEPTH][ROWS + 4];
typedef ACC ColumnTile[DEPTH][COLUMNS + 4];

// A thread's part of the tile, which begins at (row, column): sum += rows' columns.
__device__ __forceinline__ void multiply(const RowTile& rows, const ColumnTile& columns, int row, int column,
                                         ACC (&sum)[PER_THREAD][PER_THREAD]) {
#pragma unroll 4
  for (int d = 0; d < DEPTH; d++) {
    const Four a = four(&rows[d][row]), b = four(&columns[d][column]);
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++)
#pragma unroll
      for (int j = 0; j < PER_THREAD; j++) sum[i][j] += a.at[i] * b.at[j];
  }
}
