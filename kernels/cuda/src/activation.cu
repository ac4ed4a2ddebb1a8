// Activation functions and their gradients, elementwise. s: slope or beta, where there is one.
#include "pack.cuh"

// Beyond it, exp(-x) is 0: a factor is bounded there, so that an infinite x gives the limit and not Inf 0.
constexpr ACC BOUND = 1000;

// 1 / (1 + exp(-x)), of which only exp(-|x|) is computed: no overflow, and small results keep their digits.
__device__ __forceinline__ ACC logistic(ACC x) {
  const ACC e = exp(-fabs(x));
  return (x < 0 ? e : ACC(1)) / (1 + e);
}

KERNEL(relu, 256)(const T* __restrict__ x, T* __restrict__ y, long long n, ACC s) {
  map(x, y, n, [](ACC v) { return v <= 0 ? ACC(0) : v; });  // NaN is not below 0
}

KERNEL(add_relu, 256)(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ y, long long n, ACC s) {
  map(a, b, y, n, [](ACC u, ACC v) { return u + v <= 0 ? ACC(0) : u + v; });
}

KERNEL(relu_grad, 256)(const T* __restrict__ gy, const T* __restrict__ y, T* __restrict__ gx, long long n, ACC s) {
  map(gy, y, gx, n, [](ACC g, ACC v) { return v > 0 ? g : ACC(0); });
}

KERNEL(leaky_relu, 256)(const T* __restrict__ x, T* __restrict__ y, long long n, ACC s) {
  map(x, y, n, [=](ACC v) { return v > 0 ? v : v * s; });
}

KERNEL(leaky_relu_grad, 256)(const T* __restrict__ gy, const T* __restrict__ x, T* __restrict__ gx, long long n, ACC s) {
  map(gy, x, gx, n, [=](ACC g, ACC v) { return v > 0 ? g : g * s; });
}

KERNEL(sigmoid, 256)(const T* __restrict__ x, T* __restrict__ y, long long n, ACC s) {
  map(x, y, n, [](ACC v) { return logistic(v); });
}

KERNEL(sigmoid_grad, 256)(const T* __restrict__ gy, const T* __restrict__ y, T* __restrict__ gx, long long n, ACC s) {
  map(gy, y, gx, n, [](ACC g, ACC v) { return g * (v * (1 - v)); });
}

KERNEL(tanh_grad, 256)(const T* __restrict__ gy, const T* __restrict__ y, T* __restrict__ gx, long long n, ACC s) {
  map(gy, y, gx, n, [](ACC g, ACC v) { return g * (1 - v * v); });
}

KERNEL(silu, 256)(const T* __restrict__ x, T* __restrict__ y, long long n, ACC s) {
  map(x, y, n, [](ACC v) { return (v < -BOUND ? -BOUND : v) * logistic(v); });
}

KERNEL(silu_grad, 256)(const T* __restrict__ gy, const T* __restrict__ x, T* __restrict__ gx, long long n, ACC s) {
  map(gy, x, gx, n, [](ACC g, ACC v) {
    const ACC p = logistic(v), low = v < -BOUND ? -BOUND : v, b = low > BOUND ? BOUND : low;
    return g * (p * (1 + b * (1 - p)));
  });
}

KERNEL(softplus, 256)(const T* __restrict__ x, T* __restrict__ y, long long n, ACC s) {
  map(x, y, n, [=](ACC v) {
    const ACC z = v * s;
    return (z > 0 ? v : ACC(0)) + log1p(exp(-fabs(z))) / s;
  });
}

KERNEL(softplus_grad, 256)(const T* __restrict__ gy, const T* __restrict__ x, T* __restrict__ gx, long long n, ACC s) {
  map(gy, x, gx, n, [=](ACC g, ACC v) { return g * logistic(v * s); });
}
