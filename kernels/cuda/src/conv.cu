// Convolution forward, two dimensions, channels first.
//
//   y[n, k, p, q] = sum over c, r, s of x[n, c, p sh - ph + r dh, q sw - pw + s dw] w[k, c, r, s],   per group, x being 0 outside
//
// The high side of the padding never appears: it only makes out_shape larger.

#include "conv.cuh"

// One thread makes one output: for depthwise convolutions and groups of few filters, which are bound by memory.
KERNEL(conv2d_direct, 256)(const T* __restrict__ x, const T* __restrict__ w, T* __restrict__ y, ConvGeometry g) {
  const int H = g.in_shape[0], W = g.in_shape[1], P = g.out_shape[0], Q = g.out_shape[1], R = g.kernel[0], S = g.kernel[1];
  const int channels = g.C / g.groups, filters = g.K / g.groups;
  const long long total = (long long)g.N * g.K * P * Q, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long n = i;
    const int q = split_off(n, Q), p = split_off(n, P), k = split_off(n, g.K);
    const int h0 = window_row(g, p), w0 = window_column(g, q);
    const T* plane = x + (n * g.C + k / filters * channels) * H * W;
    const T* filter = w + (long long)k * channels * R * S;
    ACC sum = 0;
    for (int c = 0; c < channels; c++, plane += (long long)H * W)
      for (int r = 0; r < R; r++)
        for (int s = 0; s < S; s++, filter++) {
          const int h = h0 + r * g.dilation[0], v = w0 + s * g.dilation[1];
          if (inside(g, h, v)) sum += ACC(plane[(long long)h * W + v]) * ACC(*filter);
        }
    y[i] = T(sum);
  }
}

// Implicit matrix product: rows are the filters of a group, columns the output pixels (n, p, q), and the inner dimension runs over
// (c, r, s). The matrix of windows is never stored: each block gathers the part that it needs into shared memory.
// A block makes a tile of ROWS x COLUMNS, DEPTH at a time; a thread makes a PER_THREAD x PER_THREAD part of it in registers.
KERNEL(conv2d_gemm, THREADS)(const T* __restrict__ x, const T* __restrict__ w, T* __restrict__ y, ConvGeometry g) {
  __shared__ __align__(16) RowTile filter_tile;
  __shared__ __align__(16) ColumnTile window_tile;
  const int H = g.in_shape[0], W = g.in_shape[1], P = g.out_shape[0], Q = g.out_shape[1], R = g.kernel[0], S = g.kernel[1];
  const int channels = g.C / g.groups, filters = g.K / g.groups, inner = channels * R * S;
  const long long pixels = (long long)g.N * P * Q;
  const long long row_tiles = (filters + ROWS - 1) / ROWS, column_tiles = (pixels + COLUMNS - 1) / COLUMNS;
  const int t = threadIdx.x, row = t / (COLUMNS / PER_THREAD) * PER_THREAD, column = t % (COLUMNS / PER_THREAD) * PER_THREAD;

  for (long long tile = blockIdx.x; tile < g.groups * row_tiles * column_tiles; tile += gridDim.x) {
    // Neighbouring blocks share their pixels and differ in their filters: the windows are the larger operand.
    const int first_row = tile % row_tiles * ROWS, group = tile / (row_tiles * column_tiles);
    const long long first_column = tile / row_tiles % column_tiles * COLUMNS;

    // A thread gathers windows of one pixel only.
    const long long pixel = first_column + t % COLUMNS;
    long long n = pixel;
    const int w0 = window_column(g, split_off(n, Q)), h0 = window_row(g, split_off(n, P));
    const T* image = x + (n * g.C + group * channels) * H * W;
    const T* group_filters = w + (long long)group * filters * inner;

    ACC sum[PER_THREAD][PER_THREAD] = {};
    for (int first = 0; first < inner; first += DEPTH) {
      for (int i = t; i < ROWS * DEPTH; i += THREADS) {
        const int d = i % DEPTH, k = first_row + i / DEPTH;
        const bool valid = k < filters && first + d < inner;
        filter_tile[d][i / DEPTH] = valid ? ACC(group_filters[(long long)k * inner + first + d]) : ACC(0);
      }
      for (int d = t / COLUMNS; d < DEPTH; d += THREADS / COLUMNS) {
        const int c = (first + d) / (R * S), r = (first + d) / S % R, s = (first + d) % S;
        const int h = h0 + r * g.dilation[0], v = w0 + s * g.dilation[1];
        const bool valid = pixel < pixels && first + d < inner && inside(g, h, v);
        window_tile[d][t % COLUMNS] = valid ? ACC(image[((long long)c * H + h) * W + v]) : ACC(0);
      }
      __syncthreads();
      multiply(filter_tile, window_tile, row, column, sum);
      __syncthreads();
    }

#pragma unroll
    for (int j = 0; j < PER_THREAD; j++) {
      const long long out = first_column + column + j;
      long long image_out = out;
      const long long place = split_off(image_out, (long long)P * Q);
#pragma unroll
      for (int i = 0; i < PER_THREAD; i++) {
        const int k = first_row + row + i;
        if (k < filters && out < pixels) y[(image_out * g.K + group * filters + k) * P * Q + place] = T(sum[i][j]);
      }
    }
  }
}
