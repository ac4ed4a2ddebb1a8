// Threads that work on one row together: one alone, a warp, or the whole block. A launch says which by their number.
#pragma once
#include "index.cuh"

#define WARP 32
#define BLOCK 256
#define INFINITE ACC(__int_as_float(0x7f800000))
#define NOT_A_NUMBER ACC(__int_as_float(0x7fffffff))

struct Add {
  static __device__ __forceinline__ ACC none() { return 0; }
  static __device__ __forceinline__ ACC of(ACC a, ACC b) { return a + b; }
};
struct Largest {  // NaN is left to what follows: a sum over the row meets it
  static __device__ __forceinline__ ACC none() { return -INFINITE; }
  static __device__ __forceinline__ ACC of(ACC a, ACC b) { return b > a ? b : a; }
};

// Every member calls reduce with its own value, and every member gets the same result, always made in the same order.
struct Alone {
  static constexpr int size = 1;
  template <class Op> static __device__ __forceinline__ ACC reduce(ACC value) { return value; }
};
struct Warp {
  static constexpr int size = WARP;
  template <class Op> static __device__ __forceinline__ ACC reduce(ACC value) {
#pragma unroll
    for (int far = WARP / 2; far; far /= 2) value = Op::of(value, __shfl_xor_sync(0xffffffffu, value, far));
    return value;
  }
};
struct Block {
  static constexpr int size = BLOCK;
  template <class Op> static __device__ __forceinline__ ACC reduce(ACC value) {
    __shared__ ACC of_warp[BLOCK / WARP];
    value = Warp::reduce<Op>(value);
    __syncthreads();  // the last call's values have been read
    if (threadIdx.x % WARP == 0) of_warp[threadIdx.x / WARP] = value;
    __syncthreads();
    value = of_warp[0];
#pragma unroll
    for (int w = 1; w < BLOCK / WARP; w++) value = Op::of(value, of_warp[w]);
    return value;
  }
};

// The part of a team's work that falls to this thread: rows first_row, first_row + rows_step ... and in them every size-th
// element from `member` on.
template <class Team> __device__ __forceinline__ long long first_row() {
  return blockIdx.x * (long long)(BLOCK / Team::size) + threadIdx.x / Team::size;
}
template <class Team> __device__ __forceinline__ long long rows_step() { return gridDim.x * (long long)(BLOCK / Team::size); }
template <class Team> __device__ __forceinline__ int member() { return threadIdx.x % Team::size; }

// Call body<Team>(arguments) for the team of so many members.
#define BY_TEAM(members, body, ...)                   \
  do {                                                \
    if (members == 1) body<Alone>(__VA_ARGS__);       \
    else if (members == WARP) body<Warp>(__VA_ARGS__); \
    else body<Block>(__VA_ARGS__);                    \
  } while (0)
