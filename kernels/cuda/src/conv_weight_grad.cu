// Gradient of the convolution by its filters, in ordinary arithmetic. Of planes:
//
//   gw[k, c, r, s] = sum over n, p, q of gy[n, k, p, q] x[n, c, p sh - ph + r dh, q sw - pw + s dw]   per group, x being 0 outside
//
// The sum is long and its results are few, so the output pixels are dealt out to `splits` parts of a fixed size. Each part
// leaves its sums in memory, and a second kernel adds them up in order: no atomics, the same bits on every card.
#include "conv.cuh"
#include "conv_tile.cuh"

constexpr int STEP = THREADS / DEPTH, ROWS_LOADED = ROWS / STEP, COLUMNS_LOADED = COLUMNS / STEP;
static_assert(ROWS_LOADED * STEP == ROWS && COLUMNS_LOADED * STEP == COLUMNS, "every thread loads");

// Implicit matrix product: rows are the filters of a group, columns its channels and their taps, and the inner dimension is part of the pixels.
// sums: (splits, K, C/groups, taps).
KERNEL(conv_weight_grad_gemm, THREADS)(const T* __restrict__ x, const T* __restrict__ gy, ACC* __restrict__ sums,
                                         ConvGeometry g, int splits, long long split_size) {
  __shared__ __align__(16) RowTile row_tile[2];
  __shared__ __align__(16) ColumnTile column_tile[2];
  const Spot in = spot(g.in_shape, 1), out = spot(g.out_shape, 1);
  const int channels = g.C / g.groups, filters = g.K / g.groups, taps = volume(spot(g.kernel, 1)), columns = channels * taps, t = threadIdx.x;
  const long long plane = volume(out), pixels = g.N * plane;
  const long long row_tiles = (filters + ROWS - 1) / ROWS, column_tiles = (columns + COLUMNS - 1) / COLUMNS;

  for (long long tile = blockIdx.x; tile < row_tiles * column_tiles * g.groups * splits; tile += gridDim.x) {
    long long rest = tile;
    const int first_row = split_off(rest, row_tiles) * ROWS, first_column = split_off(rest, column_tiles) * COLUMNS;
    const int group = split_off(rest, g.groups), split = rest;
    const long long begin = split * split_size, end = min(begin + split_size, pixels);

    // A thread gathers one pixel after another, and always the same rows and columns.
    long long away[COLUMNS_LOADED];  // from the corner of the window; negative where there is no such column
    Spot way[COLUMNS_LOADED];
#pragma unroll
    for (int m = 0; m < COLUMNS_LOADED; m++) {
      const int j = first_column + t / DEPTH + m * STEP;
      way[m] = way_to(g, j % taps);
      if (j >= columns) way[m].h = 1 << 29;  // inside no plane
      away[m] = (group * channels + j / taps) * volume(in) + offset(way[m], in);
    }
    long long first = begin + t % DEPTH, n = first;
    Spot output = take_off(n, out);

    T row_value[ROWS_LOADED], column_value[COLUMNS_LOADED];
    auto fetch = [&] {
      const Spot corner = corner_of(g, output);
      const T* outputs = gy + (n * g.K + group * filters + first_row) * plane + offset(output, out);
      const T* from = x + n * g.C * volume(in) + offset(corner, in);
#pragma unroll
      for (int m = 0; m < ROWS_LOADED; m++) {
        const int i = t / DEPTH + m * STEP;
        row_value[m] = first < end && first_row + i < filters ? outputs[i * plane] : T(ACC(0));
      }
#pragma unroll
      for (int m = 0; m < COLUMNS_LOADED; m++)
        column_value[m] = first < end && within(corner + way[m], in) ? from[away[m]] : T(ACC(0));
      first += DEPTH;
      walk(output, n, out, DEPTH);
    };
    auto keep = [&](int buffer) {
#pragma unroll
      for (int m = 0; m < ROWS_LOADED; m++) row_tile[buffer][t % DEPTH][t / DEPTH + m * STEP] = ACC(row_value[m]);
#pragma unroll
      for (int m = 0; m < COLUMNS_LOADED; m++) column_tile[buffer][t % DEPTH][t / DEPTH + m * STEP] = ACC(column_value[m]);
    };

    ACC sum[MICRO][MICRO] = {};
    const int steps = begin < end ? (end - begin + DEPTH - 1) / DEPTH : 0;
    multiply_all(steps, fetch, keep, row_tile, column_tile, sum);

#pragma unroll
    for (int i = 0; i < MICRO; i++) {
      const int k = first_row + row_of(i);
#pragma unroll
      for (int j = 0; j < MICRO; j++) {
        const int to = first_column + column_of(j);
        if (k < filters && to < columns) sums[((long long)split * g.K + group * filters + k) * columns + to] = sum[i][j];
      }
    }
  }
}
