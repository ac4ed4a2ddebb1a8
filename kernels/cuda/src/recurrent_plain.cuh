// Products of states with recurrent weights by ordinary arithmetic, for any dtype.
#pragma once
#include "recurrent.cuh"
#include "vector.cuh"

constexpr int LOADED = LINES * DEPTH / THREADS;

// Weights of the block's units into shared memory: slice[unit][k][gate], units p.pitch apart; what is behind the last k is 0.
// Forward, value (unit, k, gate) is w[gate H + unit][k]; backward (transposed) it is w[k][unit].
template <int GATES> __device__ __forceinline__ int slice_size(const RecurrentPlan& p) { return (p.units * p.pitch + 3) / 4 * 4; }
template <int GATES> __device__ __forceinline__ void load_slice(const T* w, ACC* slice, const RecurrentPlan& p, const Work& mine,
                                                                int depth, bool transposed) {
  for (int e = threadIdx.x; e < mine.units * depth * GATES; e += blockDim.x) {
    const int k = e % depth, gate = e / depth % GATES, unit = e / (depth * GATES), j = mine.first_unit + unit;
    slice[unit * p.pitch + k * GATES + gate] = ACC(w[transposed ? (long long)k * p.hidden + j : ((long long)gate * p.hidden + j) * depth + k]);
  }
  const int rest = p.pitch - depth * GATES;
  for (int e = threadIdx.x; e < mine.units * rest; e += blockDim.x) slice[e / rest * p.pitch + depth * GATES + e % rest] = 0;
}

// Leaves the products of the rows of this pass in rows (batch, depth) with the slices of a group of UNITS units, the one that begins
// at the block's unit `group`, as sums in the tiles' memory. All threads take part: they bring the rows into a tile together, and while one tile is multiplied the next is on its way.
template <int GATES> __device__ __forceinline__ void multiply(const ACC* rows, const ACC* slice, ACC* tile, const RecurrentPlan& p,
                                                              const Work& mine, int first_row, int depth, int group) {
  slice += (mine.unit + group < mine.units ? mine.unit + group : 0) * p.pitch;
  const int pitch = p.rows + 4, size = p.parts * DEPTH * pitch;  // of a tile [part][k][row]
  const int span = span_of(p, depth), steps = span / DEPTH;
  const int column = threadIdx.x % DEPTH, line = threadIdx.x / DEPTH;
  ACC value[LOADED];
  auto fetch = [&](int step) {
#pragma unroll
    for (int m = 0; m < LOADED; m++) {
      const int l = line + m * (THREADS / DEPTH), n = first_row + (l & p.rows - 1), k = l * p.parts / LINES * span + step * DEPTH + column;
      value[m] = n < p.batch && k < depth ? rows[(long long)n * depth + k] : ACC(0);
    }
  };
  auto keep = [&](int buffer) {
#pragma unroll
    for (int m = 0; m < LOADED; m++) {
      const int l = line + m * (THREADS / DEPTH);
      tile[buffer * size + (l * p.parts / LINES * DEPTH + column) * pitch + (l & p.rows - 1)] = value[m];
    }
  };
  ACC sum[EACH][GATES] = {};
  fetch(0);
  __syncthreads();  // what was in the tiles has been read
  keep(0);
  __syncthreads();
  for (int step = 0; step < steps; step++) {
    if (step + 1 < steps) fetch(step + 1);
    const ACC* a = tile + step % 2 * size + mine.part * DEPTH * pitch + mine.row;
    const int first = mine.part * span + step * DEPTH, left = min(DEPTH, depth - first);
    if constexpr (GATES == 1) {  // four weights of a unit lie side by side
#pragma unroll
      for (int d = 0; d < DEPTH; d += 4) {
        if (d >= left) break;
        const Four w = four(slice + first + d);
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const Four of_rows = four(a + (d + e) * pitch);
#pragma unroll
          for (int i = 0; i < EACH; i++) sum[i][0] += of_rows.at[i] * w.at[e];
        }
      }
    } else {
#pragma unroll 4
      for (int d = 0; d < left; d++) {
        const Four of_rows = four(a + d * pitch);
        ACC w[GATES];
        if constexpr (GATES == 4) {
          const Four all = four(slice + (first + d) * GATES);
#pragma unroll
          for (int gate = 0; gate < GATES; gate++) w[gate] = all.at[gate];
        } else {
#pragma unroll
          for (int gate = 0; gate < GATES; gate++) w[gate] = slice[(first + d) * GATES + gate];
        }
#pragma unroll
        for (int i = 0; i < EACH; i++)
#pragma unroll
          for (int gate = 0; gate < GATES; gate++) sum[i][gate] += of_rows.at[i] * w[gate];
      }
    }
    if (step + 1 < steps) keep((step + 1) % 2);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < EACH; i++)
#pragma unroll
    for (int gate = 0; gate < GATES; gate++) sum_at<GATES>(tile, p, mine.part, i, gate, threadIdx.x) = sum[i][gate];
  __syncthreads();
}
