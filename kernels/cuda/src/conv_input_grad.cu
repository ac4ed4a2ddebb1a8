// Gradient of the two-dimensional convolution by its input, which is also the transposed convolution.
//
//   gx[n, c, h, w] = sum over k, r, s of gy[n, k, p, q] w[k, c, r, s]   where p sh = h + ph - r dh and q sw = w + pw - s dw
//
// Of the filter positions (r, s), only those reach a pixel for which both divisions leave no remainder.
#include "conv.cuh"

// One thread makes one pixel: for depthwise convolutions and groups of few channels.
KERNEL(conv2d_input_grad_direct, 256)(const T* __restrict__ gy, const T* __restrict__ w, T* __restrict__ gx, ConvGeometry g) {
  const int H = g.in_shape[0], W = g.in_shape[1], P = g.out_shape[0], Q = g.out_shape[1], R = g.kernel[0], S = g.kernel[1];
  const int channels = g.C / g.groups, filters = g.K / g.groups;
  const long long total = (long long)g.N * g.C * H * W, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long n = i;
    const int v = split_off(n, W), h = split_off(n, H), c = split_off(n, g.C), group = c / channels;
    const T* planes = gy + (n * g.K + group * filters) * P * Q;
    const T* taps = w + ((long long)group * filters * channels + c % channels) * R * S;
    ACC sum = 0;
    for (int r = 0; r < R; r++) {
      const int below = h + g.pad_lo[0] - r * g.dilation[0], p = below / g.stride[0];
      if (below < 0 || p >= P || below % g.stride[0]) continue;
      for (int s = 0; s < S; s++) {
        const int right = v + g.pad_lo[1] - s * g.dilation[1], q = right / g.stride[1];
        if (right < 0 || q >= Q || right % g.stride[1]) continue;
        for (int k = 0; k < filters; k++)
          sum += ACC(planes[((long long)k * P + p) * Q + q]) * ACC(taps[((long long)k * channels * R + r) * S + s]);
      }
    }
    gx[i] = T(sum);
  }
}

// Implicit matrix product: rows are the channels of a group, columns the pixels, and the inner dimension runs over the filters
// for one filter position after another. The pixels of a tile agree in the remainders (h % sh, w % sw), so that a position
// reaches all of them or none, and is skipped in the second case: a stride costs no multiplications with zero.
KERNEL(conv2d_input_grad_gemm, THREADS)(const T* __restrict__ gy, const T* __restrict__ w, T* __restrict__ gx, ConvGeometry g) {
  __shared__ __align__(16) RowTile filter_tile;
  __shared__ __align__(16) ColumnTile output_tile;
  const int H = g.in_shape[0], W = g.in_shape[1], P = g.out_shape[0], Q = g.out_shape[1], R = g.kernel[0], S = g.kernel[1];
  const int SH = g.stride[0], SW = g.stride[1], rows_left = (H + SH - 1) / SH, columns_left = (W + SW - 1) / SW;
  const int channels = g.C / g.groups, filters = g.K / g.groups;
  const long long pixels = (long long)g.N * rows_left * columns_left;  // of one pair of remainders; some lie outside
  const long long row_tiles = (channels + ROWS - 1) / ROWS, column_tiles = (pixels + COLUMNS - 1) / COLUMNS;
  const int t = threadIdx.x, row = t / (COLUMNS / PER_THREAD) * PER_THREAD, column = t % (COLUMNS / PER_THREAD) * PER_THREAD;

  for (long long tile = blockIdx.x; tile < row_tiles * column_tiles * SH * SW * g.groups; tile += gridDim.x) {
    const int first_row = tile % row_tiles * ROWS;
    const long long first_column = tile / row_tiles % column_tiles * COLUMNS, rest = tile / (row_tiles * column_tiles);
    const int phase_w = rest % SW, phase_h = rest / SW % SH, group = rest / (SW * SH);

    // A thread gathers outputs for one pixel only: row i, column j among those of its remainders.
    const long long pixel = first_column + t % COLUMNS;
    long long n = pixel;
    const int j = split_off(n, columns_left), i = split_off(n, rows_left);
    const T* image = gy + (n * g.K + group * filters) * P * Q;
    const T* group_filters = w + (long long)group * filters * channels * R * S;

    ACC sum[PER_THREAD][PER_THREAD] = {};
    for (int tap = 0; tap < R * S; tap++) {
      const int below = phase_h + g.pad_lo[0] - tap / S * g.dilation[0], right = phase_w + g.pad_lo[1] - tap % S * g.dilation[1];
      if (below % SH || right % SW) continue;  // the same for all threads
      const int p = i + below / SH, q = j + right / SW;
      const bool reached = pixel < pixels && (unsigned)p < (unsigned)P && (unsigned)q < (unsigned)Q;
      for (int first = 0; first < filters; first += DEPTH) {
        for (int e = t; e < ROWS * DEPTH; e += THREADS) {
          const int c = first_row + e % ROWS, k = first + e / ROWS;
          const bool valid = c < channels && k < filters;
          filter_tile[e / ROWS][e % ROWS] = valid ? ACC(group_filters[((long long)k * channels + c) * R * S + tap]) : ACC(0);
        }
        for (int d = t / COLUMNS; d < DEPTH; d += THREADS / COLUMNS) {
          const bool valid = reached && first + d < filters;
          output_tile[d][t % COLUMNS] = valid ? ACC(image[((long long)(first + d) * P + p) * Q + q]) : ACC(0);
        }
        __syncthreads();
        multiply(filter_tile, output_tile, row, column, sum);
        __syncthreads();
      }
    }

#pragma unroll
    for (int b = 0; b < PER_THREAD; b++) {
      long long image_out = first_column + column + b;
      if (image_out >= pixels) continue;
      const int v = split_off(image_out, columns_left) * SW + phase_w, h = split_off(image_out, rows_left) * SH + phase_h;
      if (h >= H || v >= W) continue;
#pragma unroll
      for (int a = 0; a < PER_THREAD; a++) {
        const int c = first_row + row + a;
        if (c < channels) gx[((image_out * g.C + group * channels + c) * H + h) * W + v] = T(sum[a][b]);
      }
    }
  }
}
