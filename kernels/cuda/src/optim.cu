// One step of an optimizer on one parameter, in place on the parameter and its state. One thread an element.

// d = g + weight_decay p;  buf <- momentum buf + fresh d (d itself on the first step);  p <- p - lr (buf, or nesterov d + momentum buf)
KERNEL(sgd, 256)(T* __restrict__ p, const T* __restrict__ g, T* __restrict__ buf, long long n, ACC lr, ACC momentum, ACC fresh,
                 ACC weight_decay, int nesterov, int first) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += threads) {
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

// m <- m + mean_rate (g - m);  v <- beta2 v + square_rate g^2;  p <- p - lr m / (sqrt(v) / correction + eps), and vmax for v if given.
// lr already holds the correction of m. keep: what weight decay leaves of p; weight_decay: what it adds to g.
KERNEL(adam, 256)(T* __restrict__ p, const T* __restrict__ g, T* __restrict__ m, T* __restrict__ v, T* __restrict__ vmax,
                  long long n, ACC lr, ACC mean_rate, ACC beta2, ACC square_rate, ACC eps, ACC correction, ACC keep,
                  ACC weight_decay) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += threads) {
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
