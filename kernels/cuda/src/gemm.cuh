// What the tile kernels of matrix products share: which tile a block makes, and what becomes of its sums.
#pragma once
#include "index.cuh"
#include "vector.cuh"

// One tile: of which matrix of the batch, which part of the sum, where it begins, and which k it adds up.
struct Tile {
  int batch, split, row, column, begin, end;
};

// Tiles are taken in bands of eight rows of tiles, so that those made at one time share operands in the second cache.
__device__ __forceinline__ Tile tile_at(const GemmShape& g, long long i) {
  constexpr int BAND = 8;
  const int rows = (g.m + ROWS - 1) / ROWS, columns = (g.n + COLUMNS - 1) / COLUMNS;
  const long long place = split_off(i, (long long)rows * columns), in_band = place % ((long long)BAND * columns);
  const int first = int(place / ((long long)BAND * columns)) * BAND, height = min(BAND, rows - first);
  const int split = split_off(i, g.splits), begin = split * g.split_depth;
  return {int(i), split, (first + int(in_band % height)) * ROWS, int(in_band / height) * COLUMNS, begin,
          min(g.k, begin + g.split_depth)};
}
__device__ __forceinline__ long long tiles_of(const GemmShape& g) {
  return (long long)((g.m + ROWS - 1) / ROWS) * ((g.n + COLUMNS - 1) / COLUMNS) * g.splits * g.batch;
}

// A matrix of a stack that may be shorter than the batch.
__device__ __forceinline__ const T* matrix_of(const T* from, int stack, int batch, int lines, int length) {
  return from + (long long)(batch % stack) * lines * length;
}

// A sum on its way out: to c with the bias added, or as it is to the sums of its split.
struct Output {
  T* c;           // (batch, m, n), or none
  ACC* sums;      // (splits, batch, m, n), or none
  const T* bias;  // (n), or none
};
__device__ __forceinline__ void finish(const Output& to, const GemmShape& g, const Tile& tile, ACC sum, int row, int column) {
  if (row >= g.m || column >= g.n) return;
  const long long at = (((long long)(to.sums ? tile.split * g.batch : 0) + tile.batch) * g.m + row) * g.n + column;
  if (to.sums) to.sums[at] = sum;
  else to.c[at] = T(to.bias ? sum + ACC(to.bias[column]) : sum);
}
