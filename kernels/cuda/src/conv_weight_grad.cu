// Gradient of the two-dimensional convolution by its filters, in ordinary arithmetic.
//
//   gw[k, c, r, s] = sum over n, p, q of gy[n, k, p, q] x[n, c, p sh - ph + r dh, q sw - pw + s dw]   per group, x being 0 outside
//
// The sum is long and its results are few, so the output pixels are dealt out to `splits` parts of a fixed size. Each part
// leaves its sums in memory, and a second kernel adds them up in order: no atomics, the same bits on every card.
#include "conv.cuh"
#include "conv_tile.cuh"

constexpr int STEP = THREADS / DEPTH, ROWS_LOADED = ROWS / STEP, COLUMNS_LOADED = COLUMNS / STEP;
static_assert(ROWS_LOADED * STEP == ROWS && COLUMNS_LOADED * STEP == COLUMNS, "every thread loads");

// Implicit matrix product: rows are the filters of a group, columns its (c, r, s), and the inner dimension is part of the pixels.
// sums: (splits, K, C/groups, R, S).
KERNEL(conv2d_weight_grad_gemm, THREADS)(const T* __restrict__ x, const T* __restrict__ gy, ACC* __restrict__ sums,
                                         ConvGeometry g, int splits, long long split_size) {
  __shared__ __align__(16) RowTile row_tile[2];
  __shared__ __align__(16) ColumnTile column_tile[2];
  const int H = g.in_shape[0], W = g.in_shape[1], P = g.out_shape[0], Q = g.out_shape[1], R = g.kernel[0], S = g.kernel[1];
  const int channels = g.C / g.groups, filters = g.K / g.groups, columns = channels * R * S, t = threadIdx.x;
  const long long plane = (long long)P * Q, pixels = g.N * plane;
  const long long row_tiles = (filters + ROWS - 1) / ROWS, column_tiles = (columns + COLUMNS - 1) / COLUMNS;

  for (long long tile = blockIdx.x; tile < row_tiles * column_tiles * g.groups * splits; tile += gridDim.x) {
    long long rest = tile;
    const int first_row = split_off(rest, row_tiles) * ROWS, first_column = split_off(rest, column_tiles) * COLUMNS;
    const int group = split_off(rest, g.groups), split = rest;
    const long long begin = split * split_size, end = min(begin + split_size, pixels);

    // A thread gathers one pixel after another, and always the same rows and columns.
    long long offset[COLUMNS_LOADED];  // from the corner of the window; negative where there is no such column
    int below[COLUMNS_LOADED], right[COLUMNS_LOADED];
#pragma unroll
    for (int m = 0; m < COLUMNS_LOADED; m++) {
      const int j = first_column + t / DEPTH + m * STEP;
      below[m] = j < columns ? j / S % R * g.dilation[0] : 1 << 29;  // inside no plane
      right[m] = j % S * g.dilation[1];
      offset[m] = ((long long)(group * channels + j / (R * S)) * H + below[m]) * W + right[m];
    }
    long long first = begin + t % DEPTH, n = first;
    int q = split_off(n, Q), p = split_off(n, P);

    T row_value[ROWS_LOADED], column_value[COLUMNS_LOADED];
    auto fetch = [&] {
      const int h0 = p * g.stride[0] - g.pad_lo[0], w0 = q * g.stride[1] - g.pad_lo[1];
      const T* outputs = gy + (n * g.K + group * filters + first_row) * plane + (long long)p * Q + q;
      const T* corner = x + n * g.C * H * W + (long long)h0 * W + w0;
#pragma unroll
      for (int m = 0; m < ROWS_LOADED; m++) {
        const int i = t / DEPTH + m * STEP;
        row_value[m] = first < end && first_row + i < filters ? outputs[i * plane] : T(ACC(0));
      }
#pragma unroll
      for (int m = 0; m < COLUMNS_LOADED; m++)
        column_value[m] = first < end && within(h0 + below[m], w0 + right[m], H, W) ? corner[offset[m]] : T(ACC(0));
      first += DEPTH;
      q += DEPTH;
      while (q >= Q) {
        q -= Q;
        if (++p == P) p = 0, n++;
      }
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
