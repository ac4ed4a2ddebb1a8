// Gradient of the two-dimensional convolution by its filters.
//
//   gw[k, c, r, s] = sum over n, p, q of gy[n, k, p, q] x[n, c, p sh - ph + r dh, q sw - pw + s dw]   per group, x being 0 outside
//
// The sum is long and its results are few, so the output pixels are dealt out to `splits` parts of a fixed size. Each part
// leaves its sums in memory, and a second kernel adds them up in order: no atomics, the same bits on every card.
#include "conv.cuh"

// Implicit matrix product: rows are the filters of a group, columns its (c, r, s), and the inner dimension is part of the pixels.
// sums: (splits, K, C/groups, R, S).
KERNEL(conv2d_weight_grad_gemm, THREADS)(const T* __restrict__ x, const T* __restrict__ gy, ACC* __restrict__ sums,
                                         ConvGeometry g, int splits, long long split_size) {
  __shared__ __align__(16) RowTile output_tile;
  __shared__ __align__(16) ColumnTile window_tile;
  constexpr int GATHERED = COLUMNS * DEPTH / THREADS, STEP = THREADS / DEPTH;
  const int H = g.in_shape[0], W = g.in_shape[1], P = g.out_shape[0], Q = g.out_shape[1], R = g.kernel[0], S = g.kernel[1];
  const int channels = g.C / g.groups, filters = g.K / g.groups, columns = channels * R * S;
  const long long plane = (long long)P * Q, pixels = g.N * plane;
  const long long row_tiles = (filters + ROWS - 1) / ROWS, column_tiles = (columns + COLUMNS - 1) / COLUMNS;
  const int t = threadIdx.x, row = t / (COLUMNS / PER_THREAD) * PER_THREAD, column = t % (COLUMNS / PER_THREAD) * PER_THREAD;

  for (long long tile = blockIdx.x; tile < row_tiles * column_tiles * g.groups * splits; tile += gridDim.x) {
    const int first_row = tile % row_tiles * ROWS, first_column = tile / row_tiles % column_tiles * COLUMNS;
    const long long rest = tile / (row_tiles * column_tiles);
    const int group = rest % g.groups, split = rest / g.groups;
    const long long begin = split * split_size, end = min(begin + split_size, pixels);

    // A thread gathers one pixel after another, and always the same columns.
    long long plane_of[GATHERED];
    int below[GATHERED], right[GATHERED];
#pragma unroll
    for (int m = 0; m < GATHERED; m++) {
      const int j = first_column + t / DEPTH + m * STEP;
      plane_of[m] = j < columns ? (long long)(group * channels + j / (R * S)) * H * W : -1;
      below[m] = j / S % R * g.dilation[0];
      right[m] = j % S * g.dilation[1];
    }

    ACC sum[PER_THREAD][PER_THREAD] = {};
    for (long long first = begin; first < end; first += DEPTH) {
      const long long pixel = first + t % DEPTH;
      long long n = pixel;
      const int place = split_off(n, plane), h0 = window_row(g, place / Q), w0 = window_column(g, place % Q);
      const T* image = x + n * g.C * H * W;
      const T* outputs = gy + (n * g.K + group * filters) * plane + place;
      for (int i = t / DEPTH; i < ROWS; i += STEP)
        output_tile[t % DEPTH][i] = pixel < end && first_row + i < filters ? ACC(outputs[(first_row + i) * plane]) : ACC(0);
#pragma unroll
      for (int m = 0; m < GATHERED; m++) {
        const int h = h0 + below[m], v = w0 + right[m];
        const bool valid = pixel < end && plane_of[m] >= 0 && inside(g, h, v);
        window_tile[t % DEPTH][t / DEPTH + m * STEP] = valid ? ACC(image[plane_of[m] + (long long)h * W + v]) : ACC(0);
      }
      __syncthreads();
      multiply(output_tile, window_tile, row, column, sum);
      __syncthreads();
    }

#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) {
      const int k = first_row + row + i;
#pragma unroll
      for (int j = 0; j < PER_THREAD; j++) {
        const int to = first_column + column + j;
        if (k < filters && to < columns) sums[((long long)split * g.K + group * filters + k) * columns + to] = sum[i][j];
      }
    }
  }
}

// One block makes one value of one part: for depthwise convolutions and groups of few filters.
KERNEL(conv2d_weight_grad_direct, 256)(const T* __restrict__ x, const T* __restrict__ gy, ACC* __restrict__ sums,
                                       ConvGeometry g, int splits, long long split_size) {
  __shared__ ACC part[256];
  const int H = g.in_shape[0], W = g.in_shape[1], P = g.out_shape[0], Q = g.out_shape[1], R = g.kernel[0], S = g.kernel[1];
  const int channels = g.C / g.groups, filters = g.K / g.groups, t = threadIdx.x;
  const long long values = (long long)g.K * channels * R * S, plane = (long long)P * Q, pixels = g.N * plane;
  for (long long job = blockIdx.x; job < values * splits; job += gridDim.x) {
    const long long value = job % values, begin = job / values * split_size, end = min(begin + split_size, pixels);
    const int s = value % S, r = value / S % R, k = value / (S * R * channels);
    const int c = k / filters * channels + value / (S * R) % channels;
    ACC sum = 0;
    for (long long pixel = begin + t; pixel < end; pixel += 256) {
      long long n = pixel;
      const int place = split_off(n, plane);
      const int h = window_row(g, place / Q) + r * g.dilation[0], v = window_column(g, place % Q) + s * g.dilation[1];
      if (inside(g, h, v)) sum += ACC(gy[(n * g.K + k) * plane + place]) * ACC(x[((n * g.C + c) * H + h) * W + v]);
    }
    part[t] = sum;
    __syncthreads();
    for (int half = 128; half; half /= 2) {
      if (t < half) part[t] += part[t + half];
      __syncthreads();
    }
    if (t == 0) sums[job] = part[0];
    __syncthreads();
  }
}

// gw = the parts added up, first to last.
KERNEL(conv2d_weight_grad_add, 256)(const ACC* __restrict__ sums, T* __restrict__ gw, long long values, int splits) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < values; i += threads) {
    ACC sum = 0;
    for (int split = 0; split < splits; split++) sum += sums[split * values + i];
    gw[i] = T(sum);
  }
}
