// The end of a sum that was made in parts.

// gw = the parts added up, first to last.
KERNEL(conv2d_weight_grad_add, 256)(const ACC* __restrict__ sums, T* __restrict__ gw, long long values, int splits) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < values; i += threads) {
    ACC sum = 0;
    for (int split = 0; split < splits; split++) sum += sums[split * values + i];
    gw[i] = T(sum);
  }
}
