// Convolution with 3x3 filters at stride 1 and its input gradient by Winograd's minimal filtering F(2x2, 3x3): 16 products for four
// results, where the definition has 36.
//
//   y = A^T [ sum over c of (G w G^T) * (B^T d B) ] A     for each 4x4 patch d of the source, which gives 2x2 results
//
//         | 1  0 -1  0 |        | 1    0   0  |
//   B^T = | 0  1  1  0 |    G = | 1/2  1/2 1/2|    A^T = | 1  1  1  0 |
//         | 0 -1  1  0 |        | 1/2 -1/2 1/2|          | 0  1 -1 -1 |
//         | 0  1  0 -1 |        | 0    0   1  |
//
// (A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.) The 16 places of a patch are 16 matrix products
// with the inner dimension c. The input gradient is the same with the filters turned by half a circle and gy as the source.
//
// A block makes ROWS filters for PATCHES patches, DEPTH planes at a time. A warp multiplies two of the 16 places, a lane 8 x 8 results
// of each: filters are transformed beforehand, patches on their way into shared memory, and the sums exchanged through it at the end,
// so nothing but source, filters and result ever goes through memory.
#include "conv.cuh"
#include "vector.cuh"

constexpr int ROWS = 64, PATCHES = 32, DEPTH = 8, PLACES = 16;
constexpr int PITCH = 48;  // of a row of sums in the exchange: eight rows written at once then meet in no bank
constexpr int AT_ONCE = 2;  // rows of a lane that are exchanged together

// G, B^T and A^T along one axis.
__device__ __forceinline__ void transform_filter(const ACC (&w)[3], ACC (&u)[4]) {
  const ACC ends = w[0] + w[2];
  u[0] = w[0];
  u[1] = ACC(0.5) * (ends + w[1]);
  u[2] = ACC(0.5) * (ends - w[1]);
  u[3] = w[2];
}
__device__ __forceinline__ void transform_patch(ACC& a, ACC& b, ACC& c, ACC& d) {
  const ACC sum = b + c, difference = c - b;
  a -= c;
  d = b - d;
  b = sum;
  c = difference;
}
__device__ __forceinline__ void transform_back(ACC a, ACC b, ACC c, ACC d, ACC& first, ACC& second) {
  first = a + b + c;
  second = b - c - d;
}

__device__ __forceinline__ void transform_filters(const T* w, T* packed, const ConvGeometry& g, int padded_rows, bool exchanged) {
  const int channels = g.C / g.groups, filters = g.K / g.groups;
  const int rows = exchanged ? channels : filters, inner = exchanged ? filters : channels;
  const long long total = (long long)g.groups * inner * padded_rows, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long rest = i;
    const int row = split_off(rest, padded_rows), plane = split_off(rest, inner), group = rest;
    const int k = group * filters + (exchanged ? plane : row), c = exchanged ? row : plane;
    ACC half[4][3], u[4];  // transformed along the columns, then along the rows
#pragma unroll
    for (int s = 0; s < 3; s++) {
      ACC column[3];
#pragma unroll
      for (int r = 0; r < 3; r++) {
        const int tap = exchanged ? 8 - (3 * r + s) : 3 * r + s;
        column[r] = row < rows ? ACC(w[((long long)k * channels + c) * 9 + tap]) : ACC(0);
      }
      transform_filter(column, u);
#pragma unroll
      for (int r = 0; r < 4; r++) half[r][s] = u[r];
    }
#pragma unroll
    for (int r = 0; r < 4; r++) {
      transform_filter(half[r], u);
#pragma unroll
      for (int s = 0; s < 4; s++) packed[(i / padded_rows * PLACES + 4 * r + s) * padded_rows + row] = T(u[s]);
    }
  }
}

// packed: (groups, inner planes, 16, padded rows), padded_rows a multiple of 64. Forward: rows are filters, inner planes channels; the
// input gradient exchanges them. Either may be left out.
KERNEL(conv2d_winograd_filters, 256)(const T* __restrict__ w, T* __restrict__ packed, T* __restrict__ exchanged, ConvGeometry g,
                                     int padded_rows, int padded_exchanged) {
  if (packed) transform_filters(w, packed, g, padded_rows, false);
  if (exchanged) transform_filters(w, exchanged, g, padded_exchanged, true);
}

// One result by the definition; padding is a value.
__device__ __forceinline__ ACC forward_value(const T* x, const T* w, const ConvGeometry& g, long long n, int k, int h, int v) {
  const int channels = g.C / g.groups, group = k / (g.K / g.groups), H = g.in_shape[0], W = g.in_shape[1];
  ACC sum = 0;
  for (int c = 0; c < channels; c++) {
    const T* plane = x + (n * g.C + group * channels + c) * H * W;
    for (int tap = 0; tap < 9; tap++) {
      const int i = h + tap / 3 - g.pad_lo[0], j = v + tap % 3 - g.pad_lo[1];
      const ACC value = within(i, j, H, W) ? ACC(plane[(long long)i * W + j]) : ACC(0);
      sum += value * ACC(w[((long long)k * channels + c) * 9 + tap]);
    }
  }
  return sum;
}

template <bool GRAD>
__device__ __forceinline__ void winograd(const T* source, const T* packed, const T* w, const T* bias, T* out, const ConvGeometry& g,
                                         int padded_rows) {
  __shared__ __align__(16) ACC memory[PLACES * 8 * AT_ONCE * PITCH];
  ACC *row_tile = memory, *patch_tile = memory + DEPTH * PLACES * ROWS;  // [DEPTH][PLACES][ROWS], [PLACES][DEPTH][PATCHES]
  static_assert(DEPTH * PLACES * (ROWS + PATCHES) <= PLACES * 8 * AT_ONCE * PITCH, "operands and sums take turns in the same memory");
  const Sizes z = sizes_of<GRAD>(g);
  const int t = threadIdx.x, lane = t % 32, warp = t / 32, source_planes = z.inner * g.groups, out_planes = z.rows * g.groups;
  const int high = (z.out.h + 1) / 2, wide = (z.out.w + 1) / 2;  // patches of an image
  const int origin_h = GRAD ? g.pad_lo[0] - 2 : -g.pad_lo[0], origin_w = GRAD ? g.pad_lo[1] - 2 : -g.pad_lo[1];
  const long long patches = (long long)g.N * high * wide, row_tiles = padded_rows / ROWS, patch_tiles = (patches + PATCHES - 1) / PATCHES;

  for (long long tile = blockIdx.x; tile < row_tiles * patch_tiles * g.groups; tile += gridDim.x) {
    long long rest = tile;
    const int first_row = split_off(rest, row_tiles) * ROWS;
    const long long first_patch = split_off(rest, patch_tiles) * PATCHES;
    const int group = rest;

    // A thread gathers one patch, of one plane in eight; which of its pixels there are is known once for all planes.
    unsigned inside = 0;
    const T* corner = source;
    {
      long long n = first_patch + lane;
      const bool there = n < patches;
      const int v = (int)split_off(n, wide) * 2 + origin_w, h = (int)split_off(n, high) * 2 + origin_h;
      corner += (n * source_planes + group * z.inner + warp) * z.source_plane + (long long)h * z.source.w + v;
#pragma unroll
      for (int e = 0; e < PLACES; e++)
        if (there && within(h + e / 4, v + e % 4, z.source.h, z.source.w)) inside |= 1u << e;
    }
    const T* filters = packed + ((long long)group * z.inner * PLACES + t / 16) * padded_rows + first_row + t % 16 * 4;

    // A step's patch and half of its filters are on their way while the step before is multiplied; there are no registers for the others.
    ACC patch[4][4];
    Four early[DEPTH / 2], late[DEPTH / 2];
    int left = z.inner;  // planes that are still to come
    auto fetch_filters = [&](Four(&filter)[DEPTH / 2], int begin) {
#pragma unroll
      for (int m = 0; m < DEPTH / 2; m++) {
        filter[m] = {};
        if (begin + m < left) filter[m] = four(filters + (begin + m) * PLACES * padded_rows);
      }
    };
    auto fetch = [&] {
      const unsigned seen = warp < left ? inside : 0;
#pragma unroll
      for (int e = 0; e < PLACES; e++) patch[e / 4][e % 4] = seen >> e & 1 ? corner[e / 4 * z.source.w + e % 4] : ACC(0);
      fetch_filters(early, 0);
    };
    auto advance = [&] {
      left -= DEPTH;
      corner += DEPTH * z.source_plane;
      filters += DEPTH * PLACES * (long long)padded_rows;
    };
    auto keep = [&] {
#pragma unroll
      for (int j = 0; j < 4; j++) transform_patch(patch[0][j], patch[1][j], patch[2][j], patch[3][j]);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        transform_patch(patch[i][0], patch[i][1], patch[i][2], patch[i][3]);
#pragma unroll
        for (int j = 0; j < 4; j++) patch_tile[((4 * i + j) * DEPTH + warp) * PATCHES + lane] = patch[i][j];
      }
#pragma unroll
      for (int m = 0; m < DEPTH; m++)
        *reinterpret_cast<Four*>(row_tile + (m * PLACES + t / 16) * ROWS + t % 16 * 4) = m < DEPTH / 2 ? early[m] : late[m - DEPTH / 2];
    };

    ACC sum[2][8][8] = {};
    const int steps = (z.inner + DEPTH - 1) / DEPTH;
    if (steps) fetch();
    for (int step = 0; step < steps; step++) {
      fetch_filters(late, DEPTH / 2);
      __syncthreads();  // what was there has been read
      keep();
      advance();
      __syncthreads();
      if (step + 1 < steps) fetch();
#pragma unroll
      for (int d = 0; d < DEPTH; d++) {
#pragma unroll
        for (int p = 0; p < 2; p++) {
          const int place = 2 * warp + p;
          Four a[2], b[2];
#pragma unroll
          for (int q = 0; q < 2; q++) {
            a[q] = four(row_tile + (d * PLACES + place) * ROWS + (8 * q + lane / 4) * 4);
            b[q] = four(patch_tile + (place * DEPTH + d) * PATCHES + (4 * q + lane % 4) * 4);
          }
#pragma unroll
          for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 8; j++) sum[p][i][j] += a[i / 4].at[i % 4] * b[j / 4].at[j % 4];
        }
      }
    }

    // The 16 places of a patch come together: a thread gets all of its own patch, for rows of its warp. Where its results lie is worked
    // out anew, behind the compiler's back: all registers are taken while sums are made.
    int own = lane;
    asm volatile("" : "+r"(own));
    long long n = first_patch + own;
    const bool there = n < patches;
    const int v = (int)split_off(n, wide) * 2, h = (int)split_off(n, high) * 2;  // the first of its results
    auto row_of = [&](int i) { return first_row + (i / 4 * 8 + warp) * 4 + i % 4; };
    T* to = out + (n * out_planes + group * z.rows) * z.out_plane + (long long)h * z.out.w + v;
    const bool paired = z.out.w % 2 == 0;  // two neighbours lie at an aligned place
    bool strange = false;
#pragma unroll
    for (int begin = 0; begin < 8; begin += AT_ONCE) {
      __syncthreads();
#pragma unroll
      for (int e = 0; e < AT_ONCE; e++)
#pragma unroll
        for (int p = 0; p < 2; p++)
#pragma unroll
          for (int q = 0; q < 2; q++) {
            const ACC(&from)[8] = sum[p][begin + e];
            *reinterpret_cast<Four*>(memory + ((2 * warp + p) * 8 * AT_ONCE + 8 * e + lane / 4) * PITCH + (4 * q + lane % 4) * 4) =
                {from[4 * q], from[4 * q + 1], from[4 * q + 2], from[4 * q + 3]};
          }
      __syncthreads();
#pragma unroll
      for (int e = 0; e < AT_ONCE; e++) {
        const int row = row_of(begin + e);
        ACC half[2][4], y[2][2];
#pragma unroll
        for (int j = 0; j < 4; j++) {
          ACC m[4];
#pragma unroll
          for (int i = 0; i < 4; i++) m[i] = memory[((4 * i + j) * 8 * AT_ONCE + 8 * e + warp) * PITCH + lane];
          transform_back(m[0], m[1], m[2], m[3], half[0][j], half[1][j]);
        }
        const bool real = there && row < z.rows;
        const ACC add = bias && real ? ACC(bias[group * z.rows + row]) : ACC(0);
#pragma unroll
        for (int i = 0; i < 2; i++) {
          transform_back(half[i][0], half[i][1], half[i][2], half[i][3], y[i][0], y[i][1]);
          strange |= !finite(y[i][0]) || !finite(y[i][1]);
          T* place = to + row * z.out_plane + (long long)i * z.out.w;
          if (!real || h + i >= z.out.h) continue;
          if (paired) *reinterpret_cast<float2*>(place) = make_float2(y[i][0] + add, y[i][1] + add);
          else {
            place[0] = y[i][0] + add;
            if (v + 1 < z.out.w) place[1] = y[i][1] + add;
          }
        }
      }
    }
    // Transforms mix infinities into NaN, and zeros that stand for "no such output" with infinite weights: such values, which are few or
    // useless, are made again by the definition.
    if (strange && there) {
#pragma unroll 1
      for (int e = 0; e < 32; e++) {
        const int row = row_of(e / 4), i = h + e / 2 % 2, j = v + e % 2;
        if (row >= z.rows || i >= z.out.h || j >= z.out.w) continue;
        T* place = to + row * z.out_plane + (long long)(e / 2 % 2) * z.out.w + e % 2;
        if (finite(ACC(*place))) continue;
        const int plane = group * z.rows + row;
        *place = GRAD ? input_grad_value(source, w, g, n, plane, {0, i, j})
                      : forward_value(source, w, g, n, plane, i, j) + (bias ? ACC(bias[plane]) : ACC(0));
      }
    }
  }
}

// w: the filters as they are, for sums that need care. bias: (K,) or null.
KERNEL(conv2d_winograd, 256)(const T* __restrict__ x, const T* __restrict__ packed, const T* __restrict__ w, const T* __restrict__ bias,
                             T* __restrict__ y, ConvGeometry g, int padded_rows) {
  winograd<false>(x, packed, w, bias, y, g, padded_rows);
}
KERNEL(conv2d_winograd_input_grad, 256)(const T* __restrict__ gy, const T* __restrict__ packed, const T* __restrict__ w,
                                        T* __restrict__ gx, ConvGeometry g, int padded_rows) {
  winograd<true>(gy, packed, w, nullptr, gx, g, padded_rows);
}
