// Kernels that exercise the whole of the emulator, each with bugs that BUG plants; also valid CUDA.
#include <cooperative_groups.h>
#include <cuda_pipeline.h>

// Tiled product through shared memory. 1 drops a barrier, 2 reads past the end, 3 diverges at a barrier.
extern "C" __global__ void matmul(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float as[16][17], bs[16][17];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * 16 + ty, col = blockIdx.x * 16 + tx;
  float sum = 0.f;
  for (int k0 = 0; k0 < k; k0 += 16) {
    as[ty][tx] = (row < m && (BUG == 2 || k0 + tx < k)) ? a[row * k + k0 + tx] : 0.f;
    bs[ty][tx] = (col < n && k0 + ty < k) ? b[(k0 + ty) * n + col] : 0.f;
    if (BUG == 3 && row >= m) {
      __syncthreads();
    } else {
      __syncthreads();
    }
    for (int i = 0; i < 16; i++) sum += as[ty][i] * bs[i][tx];
    if (BUG != 1) __syncthreads();
  }
  if (row < m && col < n) c[row * n + col] = sum;
}

// Sum of rows: shuffles in a warp, one value a warp through shared memory, one atomic a block.
extern "C" __global__ void row_sum(const float *x, float *row, float *total, int columns) {
  __shared__ float part[32];
  float s = 0.f;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) s += x[(size_t)blockIdx.x * columns + c];
  for (int o = 16; o; o >>= 1) s += __shfl_xor_sync(0xffffffffu, s, o);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = s;
  __syncthreads();
  if (threadIdx.x < 32) {
    s = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0.f;
    for (int o = 16; o; o >>= 1) s += __shfl_down_sync(0xffffffffu, s, o);
    if (threadIdx.x == 0) {
      row[blockIdx.x] = s;
      atomicAdd(total, s);
    }
  }
}

// Copies in flight behind the computation. 1 waits for one group too few.
extern "C" __global__ void async_reverse(const float *x, float *y, int n) {
  extern __shared__ float buffer[];
  const int t = threadIdx.x, B = blockDim.x, steps = n / B;
  __pipeline_memcpy_async(buffer + t, x + t, 4);
  __pipeline_commit();
  for (int s = 0; s < steps; s++) {
    if (s + 1 < steps) __pipeline_memcpy_async(buffer + (s + 1) % 2 * B + t, x + (s + 1) * B + t, 4);
    __pipeline_commit();
    __pipeline_wait_prior(BUG == 1 ? 2 : 1);
    __syncthreads();
    y[s * B + t] = 2.f * buffer[s % 2 * B + (B - 1 - t)];
    __syncthreads();
  }
}

// A recurrence h <- tanh(W h) over the whole grid, one cooperative launch. 1 drops the grid barrier.
extern "C" __global__ void recurrence(const float *w, float *h, int steps, int size) {
  auto grid = cooperative_groups::this_grid();
  for (int s = 0; s < steps; s++) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += gridDim.x * blockDim.x) {
      float sum = 0.f;
      for (int j = 0; j < size; j++) sum += w[i * size + j] * h[s * size + j];
      h[(s + 1) * size + i] = tanhf(sum);
    }
    if (BUG != 1) grid.sync();
  }
}

// 0: atomics and a vote, right. 1: the same histogram without atomics.
extern "C" __global__ void histogram(const unsigned char *x, int *count, int *small, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    if (BUG == 1) count[x[i]]++;
    else atomicAdd(count + x[i], 1);
  }
  int votes = __syncthreads_count(threadIdx.x < n && x[threadIdx.x] < 2);
  if (threadIdx.x == 0) *small = votes;
}

// Neighbours in a warp swap through shared memory. 1 forgets the warp barrier.
extern "C" __global__ void warp_swap(const float4 *x, float4 *y) {
  __shared__ float4 s[32];
  s[threadIdx.x] = x[threadIdx.x];
  if (BUG != 1) __syncwarp();
  y[threadIdx.x] = s[threadIdx.x ^ 1];
}

struct Scale { int n; float by[2]; };
extern "C" __global__ void scale(float *x, const float *shift, Scale s) {
  for (int i = threadIdx.x; i < s.n; i += blockDim.x) x[i] = x[i] * s.by[i % 2] + (shift ? shift[i] : 0.f);
}
