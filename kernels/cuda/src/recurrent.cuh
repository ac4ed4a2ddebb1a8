// The loop over time of a recurrent network as one cooperative kernel, forward and backward.
//
// The product of a state with the recurrent weights is all that couples the units of a step. A block keeps the weights of its
// units in shared memory for the whole sequence, makes its units of all its sequences' states, and waits for the others once
// a step. Where the weights do not fit, the library multiplies and a small kernel per step does the rest: both call the same
// cell. A sequence n has lengths[n] steps; after them its y is 0 and its state stands still.
#pragma once
#include <cooperative_groups.h>
#include "index.cuh"
#include "vector.cuh"

// The order of the steps. Step s of the loop is at time t; the state before it is in slot s of those kept: by time if they are
// saved for the gradient (the state before the first time, or after the last, has a slot of its own), else two in turn.
__device__ __forceinline__ int time_of(const RecurrentPlan& p, int s) { return p.reverse ? p.steps - 1 - s : s; }
__device__ __forceinline__ int slot_of(const RecurrentPlan& p, int s) { return p.save ? (p.reverse ? p.steps - s : s) : s % 2; }
__device__ __forceinline__ bool runs(const long long* lengths, int n, int t) { return !lengths || t < lengths[n]; }
__device__ __forceinline__ long long state_at(const RecurrentPlan& p, int s, int n, int j) {  // (slots, N, H)
  return ((long long)slot_of(p, s) * p.batch + n) * p.hidden + j;
}
__device__ __forceinline__ long long row_at(const RecurrentPlan& p, int s, int n) { return (long long)time_of(p, s) * p.batch + n; }

__device__ __forceinline__ ACC sigmoid(ACC z) { return ACC(0.5) * tanh(ACC(0.5) * z) + ACC(0.5); }

// Which units and sequences a block makes: p.rows sequences at a time of UNITS neighbouring units. A warp makes 16 of the sequences, a
// thread EACH of them for one unit, so that a weight serves several sequences; where the sequences are few, several warps have
// the same ones and divide the terms of the sum into p.parts, whose sums are added in order.
constexpr int EACH = 4, ROWS_OF_WARP = 32 / UNITS * EACH, LINES = THREADS / 32 * ROWS_OF_WARP, LOADED = LINES * DEPTH / THREADS;
struct Work {
  int first_unit, units, first_row, rows_step, unit, row, part;
};
__device__ __forceinline__ Work work_of(const RecurrentPlan& p) {
  const int first = blockIdx.x % p.unit_blocks * p.units, lane = threadIdx.x % 32, warp = threadIdx.x / 32, across = p.rows / ROWS_OF_WARP;
  return {first, min(p.units, p.hidden - first), int(blockIdx.x) / p.unit_blocks * p.rows, p.row_blocks * p.rows,
          lane % UNITS, warp % across * ROWS_OF_WARP + lane / UNITS * EACH, warp / across};
}

// Weights of the block's units into shared memory: slice[unit][k][gate], units p.pitch apart; what is behind the last k is 0.
// Forward, value (unit, k, gate) is w[gate H + unit][k]; backward (transposed) it is w[k][unit].
template <int GATES> __device__ __forceinline__ void load_slice(const T* w, ACC* slice, const RecurrentPlan& p, const Work& mine,
                                                                int depth, bool transposed) {
  for (int e = threadIdx.x; e < mine.units * depth * GATES; e += blockDim.x) {
    const int k = e % depth, gate = e / depth % GATES, unit = e / (depth * GATES), j = mine.first_unit + unit;
    slice[unit * p.pitch + k * GATES + gate] = ACC(w[transposed ? (long long)k * p.hidden + j : ((long long)gate * p.hidden + j) * depth + k]);
  }
  const int rest = p.pitch - depth * GATES;
  for (int e = threadIdx.x; e < mine.units * rest; e += blockDim.x) slice[e / rest * p.pitch + depth * GATES + e % rest] = 0;
}

// Where sum (part, i, gate) of a thread lies after a product, in place of the tiles.
template <int GATES> __device__ __forceinline__ ACC& sum_at(ACC* tile, const RecurrentPlan& p, int part, int i, int gate) {
  const int threads = THREADS / p.parts;  // of a part, a power of two
  return tile[((part * EACH + i) * GATES + gate) * threads + (threadIdx.x & threads - 1)];
}

// Leaves the products of the rows of this pass in rows (batch, depth) with the block's slices as sums in the tiles' memory. All threads
// take part: they bring the rows into a tile together, and while one tile is multiplied the next is on its way.
template <int GATES> __device__ __forceinline__ void multiply(const ACC* rows, const ACC* slice, ACC* tile, const RecurrentPlan& p,
                                                              const Work& mine, int first_row, int depth) {
  const int pitch = p.rows + 4, size = p.parts * DEPTH * pitch;  // of a tile [part][k][row]
  const int span = ((depth + p.parts - 1) / p.parts + DEPTH - 1) / DEPTH * DEPTH, steps = span / DEPTH;
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
    for (int gate = 0; gate < GATES; gate++) sum_at<GATES>(tile, p, mine.part, i, gate) = sum[i][gate];
  __syncthreads();
}

// Calls make(n, sum) for the sequences of this thread, those with a number i of its rows that i % p.parts == mine.part, with the sums that
// multiply has left, or with 0. One copy of the code for all: sums that are read one after the other need few registers.
template <int GATES, class F> __device__ __forceinline__ void each_row(ACC* tile, const RecurrentPlan& p, const Work& mine, int first_row,
                                                                       bool multiplied, F make) {
#pragma unroll 1
  for (int i = mine.part; i < EACH; i += p.parts) {
    const int n = first_row + mine.row + i;
    if (n >= p.batch) return;
    ACC sum[GATES] = {};
    for (int part = 0; multiplied && part < p.parts; part++) {
#pragma unroll
      for (int gate = 0; gate < GATES; gate++) sum[gate] += sum_at<GATES>(tile, p, part, i, gate);
    }
    make(n, sum);
  }
}

// The whole sequence: cell.forward(s, n, j, sum) makes unit j of sequence n from the gates' products with the state before step s.
template <class Cell> __device__ __forceinline__ void run_forward(const Cell& cell, const T* w, const RecurrentPlan& p) {
  extern __shared__ __align__(16) ACC memory[];
  ACC *slice = memory, *tile = memory + (p.units * p.pitch + 3) / 4 * 4;
  const Work mine = work_of(p);
  const auto grid = cooperative_groups::this_grid();
  load_slice<Cell::GATES>(w, slice, p, mine, p.hidden, false);
  for (int first_row = mine.first_row; first_row < p.batch; first_row += mine.rows_step)
    for (int unit = mine.unit; unit < mine.units; unit += UNITS)
      each_row<1>(tile, p, mine, first_row, false, [&](int n, const ACC(&)[1]) { cell.begin(n, mine.first_unit + unit); });
  grid.sync();
  for (int s = 0; s < p.steps; s++) {
    for (int first_row = mine.first_row; first_row < p.batch; first_row += mine.rows_step)
      for (int unit = mine.unit; unit - mine.unit < mine.units; unit += UNITS) {
        const bool exists = unit < mine.units;
        multiply<Cell::GATES>(cell.h + state_at(p, s, 0, 0), slice + (exists ? unit : 0) * p.pitch, tile, p, mine, first_row, p.hidden);
        if (exists)
          each_row<Cell::GATES>(tile, p, mine, first_row, true, [&](int n, const ACC(&sum)[Cell::GATES]) {
            cell.forward(s, n, mine.first_unit + unit, sum);
          });
      }
    grid.sync();
  }
}

// Backward through the steps: cell.backward(s, n, j) makes the gradient of the gates' sums at step s from that of the state, and
// leaves what else of it goes to the state before; the product with the weights is added a step later, when all units are there.
template <class Cell> __device__ __forceinline__ void run_backward(const Cell& cell, const T* w, const RecurrentPlan& p) {
  extern __shared__ __align__(16) ACC memory[];
  ACC *slice = memory, *tile = memory + (p.units * p.pitch + 3) / 4 * 4;
  const Work mine = work_of(p);
  const auto grid = cooperative_groups::this_grid();
  const int depth = Cell::GATES * p.hidden;
  load_slice<1>(w, slice, p, mine, depth, true);
  for (int s = p.steps - 1; s >= -1; s--) {
    for (int first_row = mine.first_row; first_row < p.batch; first_row += mine.rows_step)
      for (int unit = mine.unit; unit - mine.unit < mine.units; unit += UNITS) {
        const bool exists = unit < mine.units;
        const bool later = s + 1 < p.steps;
        if (later)
          multiply<1>(cell.dz + row_at(p, s + 1, 0) * depth, slice + (exists ? unit : 0) * p.pitch, tile, p, mine, first_row, depth);
        if (exists)
          each_row<1>(tile, p, mine, first_row, later, [&](int n, const ACC(&sum)[1]) { cell.arrive(s, n, mine.first_unit + unit, sum[0]); });
      }
    if (s >= 0) grid.sync();
  }
}

// What a thread owes a unit at backward step s: begin, or take in the product of the step after; then go through step s.
#define ARRIVE                                                                                    \
  __device__ __forceinline__ void arrive(int s, int n, int j, ACC product) const {                \
    if (s + 1 == p.steps) begin((long long)n * p.hidden + j);                                     \
    else if (runs(lengths, n, time_of(p, s + 1))) dh[(long long)n * p.hidden + j] += product;     \
    if (s >= 0) backward(s, n, j);                                                                \
  }

// One step for all units, the product being there: products (N, GATES H) forward, (N, H) backward.
template <class Cell> __device__ __forceinline__ void forward_step(const Cell& cell, const ACC* products, const RecurrentPlan& p, int s) {
  const long long total = (long long)p.batch * p.hidden, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    const int n = quotient(i, p.hidden), j = i - (long long)n * p.hidden;
    ACC sum[Cell::GATES];
#pragma unroll
    for (int gate = 0; gate < Cell::GATES; gate++) sum[gate] = products[((long long)n * Cell::GATES + gate) * p.hidden + j];
    cell.forward(s, n, j, sum);
  }
}
template <class Cell> __device__ __forceinline__ void backward_step(const Cell& cell, const ACC* products, const RecurrentPlan& p, int s) {
  const long long total = (long long)p.batch * p.hidden, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    const int n = quotient(i, p.hidden), j = i - (long long)n * p.hidden;
    cell.arrive(s, n, j, products ? products[i] : ACC(0));
  }
}
