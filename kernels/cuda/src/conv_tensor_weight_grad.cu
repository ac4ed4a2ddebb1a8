// Gradient of the convolution by its filters on tensor cores, from x and gy stored as words (conv_words.cuh). Sums are float.
//
// Rows are the filters of a group, columns chunks of its channels within taps, and the inner dimension is part of the pixels: those
// of a part of the sum, as in conv_weight_grad.cu. A line in shared memory is a pixel, its channels side by side; the products
// want the pixels side by side, so fragments are read transposed.
#include "conv_warp.cuh"
#include "conv_windows.cuh"

constexpr int DEPTH = 16 * PER_WORD, ACROSS = ROWS / CHUNK, LINES = THREADS / ACROSS, LOADED = DEPTH / LINES;
static_assert(ROWS == COLUMNS && LINES * LOADED == DEPTH, "a thread copies the same chunk of the same pixels of both");
typedef Chunk Operand[DEPTH][ACROSS];

// Which place of its line a chunk has: what is read at once (8 lines, or 4 for single words) then meets in no bank.
__device__ __forceinline__ int place_of(int line, int chunk) { return chunk ^ (PER_WORD == 2 ? line & 7 : (line & 3) << 1); }

// 16 channels x 8 words of pixels, in the order of registers that rows or columns have (conv_warp.cuh).
template <bool COLUMN> __device__ __forceinline__ void fragment(unsigned (&r)[4], const Operand& from, int channel, int step) {
  const int lane = threadIdx.x % 32;
  if constexpr (PER_WORD == 2) {
    const int first = lane / 16, second = lane / 8 % 2;
    const int line = step * 16 + (COLUMN ? second : first) * 8 + lane % 8;
    load_matrices_transposed(r, &from[line][place_of(line, channel / 8 + (COLUMN ? first : second))]);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int line = step * 8 + lane % 4 + (COLUMN ? i % 2 : i / 2) * 4, c = channel + lane / 4 + (COLUMN ? i / 2 : i % 2) * 8;
      r[i] = from[line][place_of(line, c / 4)].word[c % 4];
    }
  }
}

// sums: (splits, K, taps, C/groups).
KERNEL(conv_tensor_weight_grad, THREADS)(const unsigned int* __restrict__ x, const unsigned int* __restrict__ gy,
                                           float* __restrict__ sums, ConvGeometry g, int splits, long long split_size) {
  __shared__ Operand row_stage[STAGES], column_stage[STAGES];
  const Spot in = spot(g.in_shape, 1), out = spot(g.out_shape, 1);
  const int taps = volume(spot(g.kernel, 1));
  const int channels = g.C / g.groups, filters = g.K / g.groups, t = threadIdx.x;
  const int row_chunks = chunks_of(filters), plane_chunks = chunks_of(channels), columns = taps * plane_chunks;
  const long long pixels = g.N * volume(out);
  const long long row_tiles = (row_chunks + ACROSS - 1) / ACROSS, column_tiles = (columns + ACROSS - 1) / ACROSS;

  for (long long tile = blockIdx.x; tile < row_tiles * column_tiles * g.groups * splits; tile += gridDim.x) {
    long long rest = tile;
    const int first_row = split_off(rest, row_tiles) * ACROSS, first_column = split_off(rest, column_tiles) * ACROSS;  // chunks
    const int group = split_off(rest, g.groups), split = rest;
    const long long begin = split * split_size, end = min(begin + split_size, pixels);

    const int row_chunk = first_row + t % ACROSS, column = first_column + t % ACROSS;
    const Spot way = way_to(g, column / plane_chunks);
    const Chunk* outputs = reinterpret_cast<const Chunk*>(gy) + group * row_chunks + row_chunk;
    const Chunk* inputs = reinterpret_cast<const Chunk*>(x) + group * plane_chunks + column % plane_chunks;
    long long pixel[LOADED], n[LOADED];
    Spot output[LOADED];
#pragma unroll
    for (int m = 0; m < LOADED; m++) {
      n[m] = pixel[m] = begin + t / ACROSS + m * LINES;
      output[m] = take_off(n[m], out);
    }
    const int steps = begin < end ? (end - begin + DEPTH - 1) / DEPTH : 0;
    auto fetch = [&](int step) {
      if (step < steps) {
#pragma unroll
        for (int m = 0; m < LOADED; m++) {
          const int line = t / ACROSS + m * LINES, place = place_of(line, t % ACROSS);
          const bool there = pixel[m] < end, row_valid = there && row_chunk < row_chunks;
          copy_async<16>(&row_stage[step % STAGES][line][place],
                         row_valid ? outputs + pixel[m] * g.groups * row_chunks : reinterpret_cast<const Chunk*>(gy), row_valid ? 16 : 0);
          const Spot at = corner_of(g, output[m]) + way;
          const bool valid = there && column < columns && within(at, in);
          copy_async<16>(&column_stage[step % STAGES][line][place],
                         valid ? inputs + (n[m] * volume(in) + offset(at, in)) * g.groups * plane_chunks : reinterpret_cast<const Chunk*>(x), valid ? 16 : 0);
          pixel[m] += DEPTH;
          walk(output[m], n[m], out, DEPTH);
        }
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
#pragma unroll
      for (int half = 0; half < 2; half++)
        multiply(sum, [&](unsigned (&r)[4], int row) { fragment<false>(r, row_stage[step % STAGES], row, half); },
                 [&](unsigned (&r)[4], int column) { fragment<true>(r, column_stage[step % STAGES], column, half); });
    }
    __syncthreads();  // the next tile's copies may begin

#pragma unroll
    for (int j = 0; j < WIDE; j++) {
      const int chunk = first_column + column_at(j) / CHUNK, c = chunk % plane_chunks * CHUNK + column_at(j) % CHUNK;
      if (chunk >= columns) continue;
#pragma unroll
      for (int i = 0; i < HIGH; i++) {
#pragma unroll
        for (int high = 0; high < 2; high++) {
          const int k = first_row * CHUNK + row_at(i, high);
          float* to = sums + (((long long)split * g.K + group * filters + k) * taps + chunk / plane_chunks) * channels + c;
#pragma unroll
          for (int e = 0; e < 2; e++)
            if (k < filters && c + e < channels) to[e] = sum[i][j][2 * high + e];
        }
      }
    }
  }
}
