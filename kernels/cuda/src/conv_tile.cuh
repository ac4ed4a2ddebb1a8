// The inner loop of a tile of a matrix product in ordinary arithmetic: ROWS x COLUMNS results, DEPTH at a time from shared memory,
// MICRO x MICRO of them in the registers of a thread.
#pragma once
#include "vector.cuh"

// One operand in shared memory, the inner dimension slowest; + 4 spreads a column of it over the banks, and keeps the alignment
// that reading four at once needs. Two of each: while one is multiplied, the other is filled.
typedef ACC RowTile[DEPTH][ROWS + 4];
typedef ACC ColumnTile[DEPTH][COLUMNS + 4];

// A thread's rows (and columns) are quads of four neighbours, the quads spread evenly over the tile: then the quads that the
// threads of a warp read together lie side by side, and meet in no bank.
constexpr int QUADS = MICRO / 4, ROW_THREADS = ROWS / MICRO, COLUMN_THREADS = COLUMNS / MICRO;
static_assert(MICRO % 4 == 0 && ROW_THREADS * COLUMN_THREADS == THREADS, "each thread has its part of the tile");
__device__ __forceinline__ int row_of(int i) { return (i / 4 * ROW_THREADS + threadIdx.x / COLUMN_THREADS) * 4 + i % 4; }
__device__ __forceinline__ int column_of(int j) { return (j / 4 * COLUMN_THREADS + threadIdx.x % COLUMN_THREADS) * 4 + j % 4; }

__device__ __forceinline__ void multiply(const RowTile& rows, const ColumnTile& columns, ACC (&sum)[MICRO][MICRO]) {
#pragma unroll
  for (int d = 0; d < DEPTH; d++) {
    Four a[QUADS], b[QUADS];
#pragma unroll
    for (int q = 0; q < QUADS; q++) {
      a[q] = four(&rows[d][row_of(4 * q)]);
      b[q] = four(&columns[d][column_of(4 * q)]);
    }
#pragma unroll
    for (int i = 0; i < MICRO; i++)
#pragma unroll
      for (int j = 0; j < MICRO; j++) sum[i][j] += a[i / 4].at[i % 4] * b[j / 4].at[j % 4];
  }
}

// All steps of a tile. fetch() loads a step's operands into registers, keep(b) writes them to the tiles of buffer b: while a step
// is multiplied, the next one's operands are on their way.
template <typename Fetch, typename Keep>
__device__ __forceinline__ void multiply_all(int steps, Fetch fetch, Keep keep, const RowTile (&rows)[2],
                                             const ColumnTile (&columns)[2], ACC (&sum)[MICRO][MICRO]) {
  if (steps) {
    fetch();
    keep(0);
    __syncthreads();
  }
  for (int step = 0; step < steps; step++) {
    if (step + 1 < steps) fetch();
    multiply(rows[step % 2], columns[step % 2], sum);
    if (step + 1 < steps) keep((step + 1) % 2);
    __syncthreads();
  }
}
