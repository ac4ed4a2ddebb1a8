// The sum of the squares of many tensors, and their scaling in place. Always added in the same order.
#include "table.cuh"
#include "team.cuh"

// sums[c]: the sum over chunk c. Role: g.
KERNEL(squares, 256)(const long long* __restrict__ table, int tensors, int columns, long long chunks, ACC* __restrict__ sums) {
  for (long long c = blockIdx.x; c < chunks; c += gridDim.x) {
    const Chunk chunk = chunk_at(table, tensors, columns, c);
    const T* g = chunk.of<const T>(0);
    ACC sum = 0;
    for (int i = threadIdx.x; i < chunk.count; i += BLOCK) sum += ACC(g[i]) * ACC(g[i]);
    sum = Block::reduce<Add>(sum);
    if (threadIdx.x == 0) sums[c] = sum;
  }
}

// g <- min(1, max_norm / (norm + 1e-6)) g, where total is the square of the norm, which one thread leaves. Role: g.
KERNEL(scale_to_norm, 256)(const long long* __restrict__ table, int tensors, int columns, long long chunks,
                           const ACC* __restrict__ total, ACC* __restrict__ norm, double max_norm) {
  const double found = sqrt(double(total[0])), most = max_norm / (found + 1e-6);
  const ACC by = ACC(most > 1 ? 1 : most);  // NaN stays NaN
  if (blockIdx.x == 0 && threadIdx.x == 0) norm[0] = ACC(found);
  if (by == 1) return;
  for (long long c = blockIdx.x; c < chunks; c += gridDim.x) {
    const Chunk chunk = chunk_at(table, tensors, columns, c);
    T* g = chunk.of<T>(0);
    for (int i = threadIdx.x; i < chunk.count; i += BLOCK) g[i] = T(ACC(g[i]) * by);
  }
}

// g <- factor[0] g. Role: g.
KERNEL(scale, 256)(const long long* __restrict__ table, int tensors, int columns, long long chunks,
                   const ACC* __restrict__ factor) {
  const ACC by = factor[0];
  if (by == 1) return;
  for (long long c = blockIdx.x; c < chunks; c += gridDim.x) {
    const Chunk chunk = chunk_at(table, tensors, columns, c);
    T* g = chunk.of<T>(0);
    for (int i = threadIdx.x; i < chunk.count; i += BLOCK) g[i] = T(ACC(g[i]) * by);
  }
}
