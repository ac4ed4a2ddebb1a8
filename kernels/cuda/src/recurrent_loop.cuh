// The loop over time of a recurrent network as one cooperative kernel, forward and backward.
//
// The product of a state with the recurrent weights is all that couples the units of a step. A block keeps the weights of its
// units in shared memory for the whole sequence, makes its units of all its sequences' states, and waits for the others once
// a step. Where the weights do not fit, the library multiplies and a small kernel per step does the rest: both call the same
// cell. A sequence n has lengths[n] steps; after them its y is 0 and its state stands still.
//
// load_slice, slice_size and multiply are those of recurrent_plain.cuh or recurrent_tensor.cuh, which is included before.
#pragma once
#include "recurrent.cuh"

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
      for (int gate = 0; gate < GATES; gate++) sum[gate] += sum_at<GATES>(tile, p, part, i, gate, threadIdx.x);
    }
    make(n, sum);
  }
}

// The whole sequence: cell.forward(s, n, j, sum) makes unit j of sequence n from the gates' products with the state before step s.
template <class Cell> __device__ __forceinline__ void run_forward(const Cell& cell, const T* w, const RecurrentPlan& p) {
  extern __shared__ __align__(16) ACC memory[];
  ACC *slice = memory, *tile = memory + slice_size<Cell::GATES>(p);
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
        multiply<Cell::GATES>(cell.h + state_at(p, s, 0, 0), slice, tile, p, mine, first_row, p.hidden, unit - mine.unit);
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
  ACC *slice = memory, *tile = memory + slice_size<1>(p);
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
          multiply<1>(cell.dz + row_at(p, s + 1, 0) * depth, slice, tile, p, mine, first_row, depth, unit - mine.unit);
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
