// The sum of a short array, by one block, in double precision and always in the same order.

KERNEL(total_of, 256)(const T* __restrict__ x, long long n, T* __restrict__ total) {
  __shared__ double of_thread[256];
  double sum = 0;
  for (long long i = threadIdx.x; i < n; i += 256) sum += double(x[i]);
  of_thread[threadIdx.x] = sum;
  for (int half = 128; half; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) of_thread[threadIdx.x] += of_thread[threadIdx.x + half];
  }
  if (threadIdx.x == 0) total[0] = T(of_thread[0]);
}
