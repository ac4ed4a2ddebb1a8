// What convolution kernels share that compute with values.
#pragma once
#include "conv_windows.cuh"

__device__ __forceinline__ bool finite(ACC value) { return value - value == 0; }

// One value of the input gradient, written out: only taps that reach an output count.
__device__ __forceinline__ ACC input_grad_value(const T* gy, const T* w, const ConvGeometry& g, long long n, int c, const Spot& at) {
  const Spot out = spot(g.out_shape, 1), kernel = spot(g.kernel, 1);
  const int channels = g.C / g.groups, filters = g.K / g.groups, group = c / channels, taps = volume(kernel);
  const long long plane = volume(out);
  const T* planes = gy + (n * g.K + group * filters) * plane;
  const T* weights = w + ((long long)group * filters * channels + c % channels) * taps;
  ACC sum = 0;
  for (int t = 0; t < taps; t++) {
    long long rest = t;
    const Spot tap = take_off(rest, kernel);
    Spot from = {0, 0, 0};
    bool there = true;
    auto back = [&](int position, int axis, int tap, int& to) {
      const int below = position + g.pad_lo[axis] - tap * g.dilation[axis];
      to = below / g.stride[axis];
      there = there && below >= 0 && to < g.out_shape[axis] && below % g.stride[axis] == 0;
    };
    if (DIMS == 3) back(at.d, 0, tap.d, from.d);
    back(at.h, DOWN, tap.h, from.h);
    back(at.w, ALONG, tap.w, from.w);
    if (!there) continue;
    for (int k = 0; k < filters; k++)
      sum += ACC(planes[k * plane + offset(from, out)]) * ACC(weights[(long long)k * channels * taps + t]);
  }
  return sum;
}
