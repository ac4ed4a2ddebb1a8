// Convolution forward and its input gradient (the transposed convolution), channels first, as an implicit matrix product in ordinary
// arithmetic. Of planes:
//
//   y[n, k, p, q]  = sum over c, r, s of x[n, c, p sh - ph + r dh, q sw - pw + s dw] w[k, c, r, s],   per group, x being 0 outside
//   gx[n, c, h, w] = sum over k, r, s of gy[n, k, p, q] w[k, c, r, s]   where p sh = h + ph - r dh and q sw = w + pw - s dw
//
// Rows are filters (channels), columns the pixels of the grid, and the inner dimension runs over channels (filters) within taps.
// The matrix of windows is never stored: each block gathers the part that it needs into shared memory. The high side of the padding
// never appears: it only makes out_shape larger.
#include "conv.cuh"
#include "conv_tile.cuh"

constexpr int STEP = THREADS / COLUMNS, GATHERED = DEPTH / STEP;                     // windows: a thread loads for one pixel
constexpr int ROW_STEP = THREADS / (ROWS / 4), QUADS_LOADED = (DEPTH + ROW_STEP - 1) / ROW_STEP;  // filters: four rows at a time
static_assert(STEP * COLUMNS == THREADS && GATHERED % 4 == 0, "every thread gathers for one pixel, or for quads of them");
struct __align__(sizeof(T) < 4 ? 4 * sizeof(T) : 16) Quad { T at[4]; };

#if FEW
static_assert(DIMS == 2, "few planes of volumes have no kernel of their own");
// Few planes: they and the taps are one dimension, taken apart once for each tile.
struct Tap { int h, w, offset; };
#endif

template <bool GRAD>
__device__ __forceinline__ void product(const T* source, const T* packed, const T* w, const T* bias, T* out, const ConvGeometry& g,
                                        int padded_rows) {
  __shared__ __align__(16) RowTile row_tile[2];
  __shared__ __align__(16) ColumnTile column_tile[2];
#if FEW
  __shared__ Tap table[FEW];
#endif
  const Sizes z = sizes_of<GRAD>(g);
  const int t = threadIdx.x, source_planes = z.inner * g.groups, out_planes = z.rows * g.groups;
  const long long row_tiles = (z.rows + ROWS - 1) / ROWS, column_tiles = (z.pixels + COLUMNS - 1) / COLUMNS;
  const long long tiles = row_tiles * column_tiles * volume(z.phases) * g.groups;

  for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    // Neighbouring blocks share their pixels and differ in their rows: the windows are the larger operand.
    long long rest = tile;
    const int first_row = split_off(rest, row_tiles) * ROWS;
    const long long first_column = split_off(rest, column_tiles) * COLUMNS;
    const Axes axes = axes_of<GRAD>(g, z, rest);
    const int group = rest;
    const T* group_planes = source + (long long)group * z.inner * z.source_plane;
    const T* filters = packed + group * volume(spot(g.kernel, 1)) * z.inner * padded_rows;

    // A thread gathers for one pixel only.
    const long long pixel = first_column + t % COLUMNS;
    long long n = pixel;
    const Spot window = window_of(axes, take_off(n, z.grid));
    const T* planes = group_planes + n * source_planes * z.source_plane;

    T value[GATHERED];
    Quad filter[QUADS_LOADED];
    int first = 0;  // of the inner dimension
#if FEW
    const Axis &down = axes.down, &along = axes.along;
    const int depth = down.taps * along.taps * z.inner, steps = (depth + DEPTH - 1) / DEPTH;
    __syncthreads();  // the last tile's table has been read
    for (int e = t; e < steps * DEPTH; e += THREADS) {
      const int tap = e / z.inner, a = tap / along.taps, b = tap % along.taps;
      const bool there = e < depth;
      // What lies beyond the end is inside no plane.
      table[e] = {there ? a * down.reach : 1 << 29, b * along.reach, (int)(e % z.inner * z.source_plane)};
    }
    __syncthreads();
    auto fetch = [&] {
#pragma unroll
      for (int m = 0; m < GATHERED; m++) {
        const Tap tap = table[first + t / COLUMNS + m * STEP];
        const Spot at = {0, window.h + tap.h, window.w + tap.w};
        const bool valid = pixel < z.pixels && within(at, z.source);
        value[m] = valid ? planes[tap.offset + offset(at, z.source)] : T(ACC(0));
      }
#pragma unroll
      for (int m = 0; m < QUADS_LOADED; m++) {
        const int e = first + t / (ROWS / 4) + m * ROW_STEP, row = first_row + t % (ROWS / 4) * 4;
        int position = e;
        if (GRAD && e < depth) {  // of this phase's taps among all
          const int tap = e / z.inner;
          position = number_of(g, axes, {0, tap / along.taps, tap % along.taps}) * z.inner + e % z.inner;
        }
        filter[m] = {};
        if (t / (ROWS / 4) + m * ROW_STEP < DEPTH && e < depth && row < padded_rows) filter[m] = *reinterpret_cast<const Quad*>(filters + (long long)position * padded_rows + row);
      }
      first += DEPTH;
    };
#else
    // 1x1 filters without stride and padding: pixels lie in the source as in the grid, and come four at a time.
    bool plain = volume(spot(g.kernel, 1)) == 1 && z.source_plane == z.out_plane && z.source_plane % 4 == 0 && (unsigned long long)source % sizeof(Quad) == 0;
#pragma unroll
    for (int axis = 0; axis < DIMS; axis++) plain = plain && g.stride[axis] == 1 && g.pad_lo[axis] == 0;
    const int steps = taps_of(axes) * ((z.inner + DEPTH - 1) / DEPTH);
    Spot tap = {0, 0, 0};
    bool inside;
    const T* from;
    const T* filter_from;
    auto aim = [&] {
      const Spot at = reached(axes, window, tap);
      inside = pixel < z.pixels && within(at, z.source);
      from = planes + offset(at, z.source);
      filter_from = filters + (long long)number_of(g, axes, tap) * z.inner * padded_rows;
    };
    aim();
    auto fetch = [&] {
      if (plain) {
#pragma unroll
        for (int m = 0; m < GATHERED / 4; m++) {
          const int e = t + m * THREADS, c = first + e / (COLUMNS / 4);
          const long long at = first_column + e % (COLUMNS / 4) * 4, image = quotient(at, z.source_plane);
          Quad four_pixels = {};
          if (at < z.pixels && c < z.inner)
            four_pixels = *reinterpret_cast<const Quad*>(group_planes + (image * source_planes + c) * z.source_plane + at - image * z.source_plane);
#pragma unroll
          for (int k = 0; k < 4; k++) value[4 * m + k] = four_pixels.at[k];
        }
      } else {
#pragma unroll
        for (int m = 0; m < GATHERED; m++) {
          const int c = first + t / COLUMNS + m * STEP;
          value[m] = inside && c < z.inner ? from[c * z.source_plane] : T(ACC(0));
        }
      }
#pragma unroll
      for (int m = 0; m < QUADS_LOADED; m++) {
        const int c = first + t / (ROWS / 4) + m * ROW_STEP, row = first_row + t % (ROWS / 4) * 4;
        filter[m] = {};
        if (t / (ROWS / 4) + m * ROW_STEP < DEPTH && c < z.inner && row < padded_rows) filter[m] = *reinterpret_cast<const Quad*>(filter_from + (long long)c * padded_rows + row);
      }
      first += DEPTH;
      if (first < z.inner) return;
      first = 0;
      next(axes, tap);
      aim();
    };
#endif
    auto keep = [&](int buffer) {
#if !FEW
      if (plain) {
#pragma unroll
        for (int m = 0; m < GATHERED; m++) {
          const int e = t + m / 4 * THREADS;
          column_tile[buffer][e / (COLUMNS / 4)][e % (COLUMNS / 4) * 4 + m % 4] = ACC(value[m]);
        }
      } else
#endif
#pragma unroll
        for (int m = 0; m < GATHERED; m++) column_tile[buffer][t / COLUMNS + m * STEP][t % COLUMNS] = ACC(value[m]);
#pragma unroll
      for (int m = 0; m < QUADS_LOADED; m++) {
        const int d = t / (ROWS / 4) + m * ROW_STEP;
        if (d >= DEPTH) continue;
#pragma unroll
        for (int k = 0; k < 4; k++) row_tile[buffer][d][t % (ROWS / 4) * 4 + k] = ACC(filter[m].at[k]);
      }
    };

    ACC sum[MICRO][MICRO] = {};
    multiply_all(steps, fetch, keep, row_tile, column_tile, sum);

    bool strange = false;
    const bool whole = volume(z.phases) == 1 && z.out_plane % 4 == 0;  // four neighbours lie in one image, at an aligned place
#pragma unroll
    for (int quad = 0; quad < QUADS; quad++) {
#pragma unroll
      for (int k = 0; k < 4; k++) {
        const long long column = first_column + column_of(4 * quad + k);
        long long image = column;
        const Spot at = result_of(axes, take_off(image, z.grid));
        if (column >= z.pixels || !within(at, z.out)) continue;
        T* to = out + (image * out_planes + group * z.rows) * z.out_plane + offset(at, z.out);
#pragma unroll
        for (int i = 0; i < MICRO; i++) {
          const int row = first_row + row_of(i);
          if (row >= z.rows) continue;
          const ACC add = bias ? ACC(bias[group * z.rows + row]) : ACC(0);
          strange |= !finite(sum[i][4 * quad + k]);
          T* place = to + row * z.out_plane;
          if (!whole) *place = T(sum[i][4 * quad + k] + add);
          else if (k == 0) {
            Quad four_pixels;
#pragma unroll
            for (int e = 0; e < 4; e++) four_pixels.at[e] = T(sum[i][4 * quad + e] + add);
            *reinterpret_cast<Quad*>(place) = four_pixels;
          }
        }
      }
    }
    // An infinite weight times the 0 that stands for "no such output" is NaN, which the gradient does not have: such values,
    // which are few or useless, are made again one by one.
    if (GRAD && strange) {
#pragma unroll 1
      for (int e = 0; e < MICRO * MICRO; e++) {
        const int row = first_row + row_of(e / MICRO);
        const long long column = first_column + column_of(e % MICRO);
        long long image = column;
        const Spot at = result_of(axes, take_off(image, z.grid));
        if (row >= z.rows || column >= z.pixels || !within(at, z.out)) continue;
        const int c = group * z.rows + row;
        T* place = out + (image * out_planes + c) * z.out_plane + offset(at, z.out);
        if (!finite(ACC(*place))) *place = T(input_grad_value(source, w, g, image, c, at));
      }
    }
  }
}

// packed: w as (groups, taps, inner, padded rows), padded_rows a multiple of 4. bias: (K,) or null.
KERNEL(conv_gemm, THREADS)(const T* __restrict__ x, const T* __restrict__ packed, const T* __restrict__ bias, T* __restrict__ y,
                             ConvGeometry g, int padded_rows) {
  product<false>(x, packed, nullptr, bias, y, g, padded_rows);
}

// w: the filters as they are, for sums that need care.
KERNEL(conv_input_grad_gemm, THREADS)(const T* __restrict__ gy, const T* __restrict__ packed, const T* __restrict__ w,
                                        T* __restrict__ gx, ConvGeometry g, int padded_rows) {
  product<true>(gy, packed, w, nullptr, gx, g, padded_rows);
}
