// What the loops over time of recurrent networks share: the order of the steps, and which units and sequences a block makes.
#pragma once
#include <cooperative_groups.h>
#include "index.cuh"

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
constexpr int EACH = 4, ROWS_OF_WARP = 32 / UNITS * EACH, LINES = THREADS / 32 * ROWS_OF_WARP;
struct Work {
  int first_unit, units, first_row, rows_step, unit, row, part;
};
__device__ __forceinline__ Work work_of(const RecurrentPlan& p) {
  const int first = blockIdx.x % p.unit_blocks * p.units, lane = threadIdx.x % 32, warp = threadIdx.x / 32, across = p.rows / ROWS_OF_WARP;
  return {first, min(p.units, p.hidden - first), int(blockIdx.x) / p.unit_blocks * p.rows, p.row_blocks * p.rows,
          lane % UNITS, warp % across * ROWS_OF_WARP + lane / UNITS * EACH, warp / across};
}
// Into how long pieces of whole tiles a sum of `depth` terms is divided.
__device__ __forceinline__ int span_of(const RecurrentPlan& p, int depth) { return ((depth + p.parts - 1) / p.parts + DEPTH - 1) / DEPTH * DEPTH; }

// Where sum (part, i, gate) for a thread lies after a product, in place of the tiles.
template <int GATES> __device__ __forceinline__ ACC& sum_at(ACC* tile, const RecurrentPlan& p, int part, int i, int gate, int thread) {
  const int threads = THREADS / p.parts;  // of a part, a power of two
  return tile[((part * EACH + i) * GATES + gate) * threads + (thread & threads - 1)];
}
