// Convolution forward and its input gradient on tensor cores: the implicit matrix product of conv_gemm.cu, from operands stored as
// words (conv_words.cuh). Sums are float.
//
// The inner dimension is chunks within taps, four a step. STAGES steps are in shared memory or on their way there.
#include "conv.cuh"
#include "conv_warp.cuh"

constexpr int LINES = THREADS / 4, ROW_LINES = ROWS / LINES, COLUMN_LINES = COLUMNS / LINES;
struct __align__(2 * sizeof(T)) Pair { T at[2]; };

// Which of the four places of a line a chunk has: eight lines read at once then meet in no bank.
__device__ __forceinline__ int place_of(int line, int chunk) { return chunk ^ (line >> 1 & 3); }

// values, filters: as they were, for sums that need care.
template <bool GRAD>
__device__ __forceinline__ void product(const Chunk* source, const Chunk* packed, const T* bias, T* out, const T* values,
                                        const T* filters, const ConvGeometry& g) {
  __shared__ Chunk stage[STAGES][ROWS + COLUMNS][4];
  const Sizes z = sizes_of<GRAD>(g);
  const int t = threadIdx.x, lane = t % 32, taps = volume(spot(g.kernel, 1)), out_planes = z.rows * g.groups;
  const int chunks = chunks_of(z.inner), pixel_chunks = chunks * g.groups;
  const long long row_tiles = (z.rows + ROWS - 1) / ROWS, column_tiles = (z.pixels + COLUMNS - 1) / COLUMNS;
  const long long tiles = row_tiles * column_tiles * volume(z.phases) * g.groups;

  for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    long long rest = tile;
    const int first_row = split_off(rest, row_tiles) * ROWS;
    const long long first_column = split_off(rest, column_tiles) * COLUMNS;
    const Axes axes = axes_of<GRAD>(g, z, rest);
    const int group = rest;
    const Chunk* group_source = source + group * chunks;
    const Chunk* rows = packed + ((long long)group * z.rows + first_row) * taps * chunks;

    // A thread copies one of the four chunks of a step, always for the same rows and pixels.
    Spot window[COLUMN_LINES];
    const Chunk* image[COLUMN_LINES];
#pragma unroll
    for (int m = 0; m < COLUMN_LINES; m++) {
      const long long pixel = first_column + t / 4 + m * LINES;
      long long n = pixel;
      window[m] = window_of(axes, take_off(n, z.grid));
      if (pixel >= z.pixels) window[m].h = 1 << 29;  // inside no image
      image[m] = group_source + n * z.source_plane * pixel_chunks;
    }
    const int steps = (taps_of(axes) * chunks + 3) / 4;
    Spot tap = {0, 0, 0};
    int c = t % 4;
    auto settle = [&] {
      while (c >= chunks && !behind(axes, tap)) {
        c -= chunks;
        next(axes, tap);
      }
    };
    if (steps) settle();
    auto fetch = [&](int step) {
      if (step < steps) {
        Chunk(*to)[4] = stage[step % STAGES];
        const bool there = !behind(axes, tap);
        const int number = number_of(g, axes, tap);
#pragma unroll
        for (int m = 0; m < ROW_LINES; m++) {
          const int line = t / 4 + m * LINES;
          const bool valid = there && first_row + line < z.rows;
          copy_async<16>(&to[line][place_of(line, t % 4)], valid ? rows + ((long long)line * taps + number) * chunks + c : packed, valid ? 16 : 0);
        }
#pragma unroll
        for (int m = 0; m < COLUMN_LINES; m++) {
          const int line = ROWS + t / 4 + m * LINES;
          const Spot at = reached(axes, window[m], tap);
          const bool valid = there && within(at, z.source);
          copy_async<16>(&to[line][place_of(line, t % 4)], valid ? image[m] + offset(at, z.source) * pixel_chunks + c : source,
                         valid ? 16 : 0);
        }
        c += 4;
        settle();
      }
      copies_commit();  // a group without copies, too: the groups are counted
    };
#pragma unroll
    for (int step = 0; step < STAGES - 1; step++) fetch(step);

    Sums sum = {};
    for (int step = 0; step < steps; step++) {
      copies_wait<STAGES - 2>();
      __syncthreads();
      fetch(step + STAGES - 1);  // to where the step before this one was, which all have done with
      const Chunk(*from)[4] = stage[step % STAGES];
#pragma unroll
      for (int half = 0; half < 2; half++) {
        auto fragment = [&](unsigned (&r)[4], int line, int part) {  // lanes name lines, and which half of the words of each
          load_matrices(r, &from[line][place_of(line, 2 * half + part)]);
        };
        multiply(sum, [&](unsigned (&r)[4], int row) { fragment(r, row + lane % 16, lane / 16); },
                 [&](unsigned (&r)[4], int column) { fragment(r, ROWS + column + lane / 16 * 8 + lane % 8, lane / 8 % 2); });
      }
    }
    __syncthreads();  // the next tile's copies may begin

    // Neighbouring lanes hold neighbouring pixels: eight of a plane are written together, 32 bytes of float.
    bool strange = false;
    const bool paired = volume(z.phases) == 1 && z.out_plane % 2 == 0;  // two neighbours lie in one image, at an aligned place
    auto place = [&](long long column, long long& at) {  // whether a pixel is in the result; at: its place in the group's first plane
      long long n = column;
      const Spot result = result_of(axes, take_off(n, z.grid));
      at = (n * out_planes + group * z.rows) * z.out_plane + offset(result, z.out);
      return column < z.pixels && within(result, z.out);
    };
#pragma unroll
    for (int j = 0; j < WIDE; j++) {
      long long at[2];
      bool there[2];
#pragma unroll
      for (int e = 0; e < 2; e++) there[e] = place(first_column + column_at(j) + e, at[e]);
#pragma unroll
      for (int i = 0; i < HIGH; i++) {
#pragma unroll
        for (int high = 0; high < 2; high++) {
          const int row = first_row + row_at(i, high);
          if (row >= z.rows) continue;
          const ACC add = bias ? ACC(bias[group * z.rows + row]) : ACC(0);
          const Pair pair = {T(sum[i][j][2 * high] + add), T(sum[i][j][2 * high + 1] + add)};
          strange |= !finite(sum[i][j][2 * high]) || !finite(sum[i][j][2 * high + 1]);
          if (paired) {
            if (there[0]) *reinterpret_cast<Pair*>(out + at[0] + row * z.out_plane) = pair;
          } else {
#pragma unroll
            for (int e = 0; e < 2; e++)
              if (there[e]) out[at[e] + row * z.out_plane] = pair.at[e];
          }
        }
      }
    }
    // As in conv_gemm.cu: an infinite weight times the 0 that stands for "no such output" is NaN, which the gradient does not have.
    if (GRAD && strange) {
#pragma unroll 1
      for (int e = 0; e < WIDE * HIGH * 4; e++) {
        const int row = first_row + row_at(e / 4 / WIDE, e / 2 % 2);
        const long long column = first_column + column_at(e / 4 % WIDE) + e % 2;
        long long at;
        if (row >= z.rows || !place(column, at)) continue;
        T* to = out + at + row * z.out_plane;
        if (finite(ACC(*to))) continue;
        long long n = column;
        const Spot result = result_of(axes, take_off(n, z.grid));
        *to = T(input_grad_value(values, filters, g, n, group * z.rows + row, result));
      }
    }
  }
}

// source, packed: x and w as words. bias: (K,) or null.
KERNEL(conv_tensor, THREADS)(const unsigned int* __restrict__ source, const unsigned int* __restrict__ packed,
                               const T* __restrict__ bias, T* __restrict__ y, ConvGeometry g) {
  product<false>(reinterpret_cast<const Chunk*>(source), reinterpret_cast<const Chunk*>(packed), bias, y, nullptr, nullptr, g);
}

// source, packed: gy and w as words; gy and w as they are besides.
KERNEL(conv_tensor_input_grad, THREADS)(const unsigned int* __restrict__ source, const unsigned int* __restrict__ packed,
                                          const T* __restrict__ gy, const T* __restrict__ w, T* __restrict__ gx, ConvGeometry g) {
  product<true>(reinterpret_cast<const Chunk*>(source), reinterpret_cast<const Chunk*>(packed), nullptr, gx, gy, w, g);
}
