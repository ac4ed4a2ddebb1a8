// The end of a matrix product whose sums were split: c = sum over the splits + bias, in a fixed order.
#include "gemm.cuh"

KERNEL(gemm_add, 256)(const ACC* __restrict__ sums, T* __restrict__ c, const T* __restrict__ bias, GemmShape g) {
  const long long total = (long long)g.batch * g.m * g.n, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    ACC sum = 0;
    for (int split = 0; split < g.splits; split++) sum += sums[split * total + i];
    if (bias) {
      long long row = i;
      sum += ACC(bias[split_off(row, g.n)]);
    }
    c[i] = T(sum);
  }
}
