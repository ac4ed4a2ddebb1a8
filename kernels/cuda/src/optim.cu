// One step of an optimizer on all parameters of a group, in place on them and their state. A block takes chunk after chunk.
// live: the numbers before it, where a captured step reads them from memory.
#include "table.cuh"

// d = g + weight_decay p;  buf <- momentum buf + fresh d (d itself on the first step);  p <- p - lr (buf, or nesterov d + momentum buf)
// Roles: p, g and, where there is momentum, buf.
KERNEL(sgd, 256)(const long long* __restrict__ table, int tensors, int columns, long long chunks, ACC lr, ACC momentum, ACC fresh,
                 ACC weight_decay, const double* __restrict__ live, int nesterov, int first) {
  if (live) lr = ACC(live[0]), momentum = ACC(live[1]), fresh = ACC(live[2]), weight_decay = ACC(live[3]);
  for (long long c = blockIdx.x; c < chunks; c += gridDim.x) {
    const Chunk chunk = chunk_at(table, tensors, columns, c);
    T *p = chunk.of<T>(0), *buf = columns > 4 ? chunk.of<T>(2) : nullptr;
    const T* g = chunk.of<const T>(1);
    for (int i = threadIdx.x; i < chunk.count; i += 256) {
      const ACC value = ACC(p[i]);
      ACC step = ACC(g[i]);
      if (weight_decay != 0) step += weight_decay * value;
      if (buf) {
        const ACC moved = first ? step : momentum * ACC(buf[i]) + fresh * step;
        buf[i] = T(moved);
        step = nesterov ? step + momentum * moved : moved;
      }
      p[i] = T(value - lr * step);
    }
  }
}

// m <- m + mean_rate (g - m);  v <- beta2 v + square_rate g^2;  p <- p - lr m / (sqrt(v) / correction + eps), and vmax for v if given.
// lr already holds the correction of m. keep: what weight decay leaves of p; weight_decay: what it adds to g.
// Roles: p, g, m, v and, for AMSGrad, vmax.
KERNEL(adam, 256)(const long long* __restrict__ table, int tensors, int columns, long long chunks, ACC lr, ACC mean_rate,
                  ACC beta2, ACC square_rate, ACC eps, ACC correction, ACC keep, ACC weight_decay,
                  const double* __restrict__ live) {
  if (live) {
    lr = ACC(live[0]), mean_rate = ACC(live[1]), beta2 = ACC(live[2]), square_rate = ACC(live[3]);
    eps = ACC(live[4]), correction = ACC(live[5]), keep = ACC(live[6]), weight_decay = ACC(live[7]);
  }
  for (long long c = blockIdx.x; c < chunks; c += gridDim.x) {
    const Chunk chunk = chunk_at(table, tensors, columns, c);
    T *p = chunk.of<T>(0), *m = chunk.of<T>(2), *v = chunk.of<T>(3), *vmax = columns > 6 ? chunk.of<T>(4) : nullptr;
    const T* g = chunk.of<const T>(1);
    for (int i = threadIdx.x; i < chunk.count; i += 256) {
      const ACC value = ACC(p[i]) * keep;
      ACC gradient = ACC(g[i]);
      if (weight_decay != 0) gradient += weight_decay * value;
      const ACC old = ACC(m[i]), mean = old + mean_rate * (gradient - old);
      ACC square = beta2 * ACC(v[i]) + square_rate * gradient * gradient;
      m[i] = T(mean);
      v[i] = T(square);
      if (vmax) {
        const ACC largest = ACC(vmax[i]);
        if (square <= largest) square = largest;  // a NaN in square goes on
        vmax[i] = T(square);
      }
      p[i] = T(value - lr * mean / (sqrt(square) / correction + eps));
    }
  }
}
