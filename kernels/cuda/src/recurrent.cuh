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

// Which units and sequences a block makes, and which a thread: UNITS neighbouring units of ROWS sequences at a time.
struct Work {
  int first_unit, units, first_row, rows_step, unit, row;
};
__device__ __forceinline__ Work work_of(const RecurrentPlan& p) {
  const int first = blockIdx.x % p.unit_blocks * p.units;
  return {first, min(p.units, p.hidden - first), int(blockIdx.x) / p.unit_blocks * ROWS, p.row_blocks * ROWS,
          int(threadIdx.x) % UNITS, int(threadIdx.x) / UNITS};
}

// Weights of the block's units into shared memory: slice[unit][k][gate], units p.pitch apart.
// Forward, value (unit, k, gate) is w[gate H + unit][k]; backward (transposed) it is w[k][unit].
template <int GATES> __device__ __forceinline__ void load_slice(const T* w, ACC* slice, const RecurrentPlan& p, const Work& mine,
                                                                int depth, bool transposed) {
  for (int e = threadIdx.x; e < mine.units * depth * GATES; e += blockDim.x) {
    const int k = e % depth, gate = e / depth % GATES, unit = e / (depth * GATES), j = mine.first_unit + unit;
    slice[unit * p.pitch + k * GATES + gate] = ACC(w[transposed ? (long long)k * p.hidden + j : ((long long)gate * p.hidden + j) * depth + k]);
  }
}

// sum[gate] += the row of this thread's sequence in rows (batch, depth) times this thread's slice. All threads take part: they
// bring the rows into the tile together.
template <int GATES> __device__ __forceinline__ void multiply(const ACC* rows, const ACC* slice, ACC* tile, const RecurrentPlan& p,
                                                              const Work& mine, int first_row, int depth, ACC (&sum)[GATES]) {
  for (int first = 0; first < depth; first += DEPTH) {
    __syncthreads();
    for (int e = threadIdx.x; e < ROWS * DEPTH; e += blockDim.x) {
      const int n = first_row + e / DEPTH, k = first + e % DEPTH;
      tile[e / DEPTH * (DEPTH + 1) + e % DEPTH] = n < p.batch && k < depth ? rows[(long long)n * depth + k] : ACC(0);
    }
    __syncthreads();
    const int size = min(DEPTH, depth - first);
#pragma unroll 4
    for (int d = 0; d < size; d++) {
      const ACC a = tile[mine.row * (DEPTH + 1) + d];
      const ACC* w = slice + (first + d) * GATES;
      if constexpr (GATES == 4) {
        const Four all = four(w);
#pragma unroll
        for (int gate = 0; gate < GATES; gate++) sum[gate] += a * all.at[gate];
      } else {
#pragma unroll
        for (int gate = 0; gate < GATES; gate++) sum[gate] += a * w[gate];
      }
    }
  }
}

// The whole sequence: cell.forward(s, n, j, sum) makes unit j of sequence n from the gates' products with the state before step s.
template <class Cell> __device__ __forceinline__ void run_forward(const Cell& cell, const T* w, const RecurrentPlan& p) {
  extern __shared__ __align__(16) ACC memory[];
  ACC *slice = memory, *tile = memory + p.units * p.pitch;
  const Work mine = work_of(p);
  const auto grid = cooperative_groups::this_grid();
  load_slice<Cell::GATES>(w, slice, p, mine, p.hidden, false);
  for (int first_row = mine.first_row; first_row < p.batch; first_row += mine.rows_step)
    for (int unit = mine.unit; unit < mine.units; unit += UNITS)
      if (first_row + mine.row < p.batch) cell.begin(first_row + mine.row, mine.first_unit + unit);
  grid.sync();
  for (int s = 0; s < p.steps; s++) {
    for (int first_row = mine.first_row; first_row < p.batch; first_row += mine.rows_step)
      for (int unit = mine.unit; unit - mine.unit < mine.units; unit += UNITS) {
        const bool exists = unit < mine.units;
        ACC sum[Cell::GATES] = {};
        multiply<Cell::GATES>(cell.h + state_at(p, s, 0, 0), slice + (exists ? unit : 0) * p.pitch, tile, p, mine, first_row,
                              p.hidden, sum);
        const int n = first_row + mine.row;
        if (exists && n < p.batch) cell.forward(s, n, mine.first_unit + unit, sum);
      }
    grid.sync();
  }
}

// Backward through the steps: cell.backward(s, n, j) makes the gradient of the gates' sums at step s from that of the state, and
// leaves what else of it goes to the state before; the product with the weights is added a step later, when all units are there.
template <class Cell> __device__ __forceinline__ void run_backward(const Cell& cell, const T* w, const RecurrentPlan& p) {
  extern __shared__ __align__(16) ACC memory[];
  ACC *slice = memory, *tile = memory + p.units * p.pitch;
  const Work mine = work_of(p);
  const auto grid = cooperative_groups::this_grid();
  const int depth = Cell::GATES * p.hidden;
  load_slice<1>(w, slice, p, mine, depth, true);
  for (int s = p.steps - 1; s >= -1; s--) {
    for (int first_row = mine.first_row; first_row < p.batch; first_row += mine.rows_step)
      for (int unit = mine.unit; unit - mine.unit < mine.units; unit += UNITS) {
        const bool exists = unit < mine.units;
        ACC sum[1] = {};
        if (s + 1 < p.steps)
          multiply<1>(cell.dz + row_at(p, s + 1, 0) * depth, slice + (exists ? unit : 0) * p.pitch, tile, p, mine, first_row, depth,
                      sum);
        const int n = first_row + mine.row;
        if (exists && n < p.batch) cell.arrive(s, n, mine.first_unit + unit, sum[0]);
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
