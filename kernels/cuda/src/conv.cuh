// What the convolution kernels share: window arithmetic, seen alike from the outputs and from the inputs.
//
// Forward and input gradient are one computation. Either gathers, for each pixel of a grid, a value of each `inner` plane of a
// source at some taps, and multiplies with filters:
//
//   forward          source x,  inner = channels, rows = filters,  grid = the outputs
//   input gradient   source gy, inner = filters,  rows = channels, grid = the inputs that agree in the remainders (h % sh, w % sw)
//
// For such a pair of remainders (a phase) a tap reaches all pixels of the grid or none, so a stride costs no multiplications with
// zero; and those that reach are evenly spaced, so that the gather has the same form in both.
#pragma once
#include "index.cuh"

// One dimension of a gather: tap a of `taps` is position first + a step of the filter, and pixel i of the grid, which is at
// i out_step + out_first in the result, sees its source at i scale + origin + a reach.
struct Axis { int taps, first, step, scale, origin, reach, out_first, out_step; };

template <bool GRAD> __device__ __forceinline__ Axis axis_of(const ConvGeometry& g, int axis, int phase) {
  const int stride = g.stride[axis], dilation = g.dilation[axis], pad = g.pad_lo[axis], size = g.kernel[axis];
  if (!GRAD) return {size, 0, 1, stride, -pad, dilation, 0, 1};
  int step = 1, first = 0;
  while (step * dilation % stride) step++;
  while (first < step && (phase + pad - first * dilation) % stride) first++;
  const int taps = first < step && first < size ? (size - first + step - 1) / step : 0;
  return {taps, first, step, 1, (phase + pad - first * dilation) / stride, -(step * dilation / stride), phase, stride};
}

// The sizes of a gather.
struct Sizes {
  int inner, rows, source_h, source_w, out_h, out_w, grid_h, grid_w, phases_h, phases_w;
  long long source_plane, out_plane, pixels;  // pixels: of one phase; with a stride some lie outside the result
};

template <bool GRAD> __device__ __forceinline__ Sizes sizes_of(const ConvGeometry& g) {
  Sizes s;
  s.inner = (GRAD ? g.K : g.C) / g.groups;
  s.rows = (GRAD ? g.C : g.K) / g.groups;
  s.source_h = GRAD ? g.out_shape[0] : g.in_shape[0];
  s.source_w = GRAD ? g.out_shape[1] : g.in_shape[1];
  s.out_h = GRAD ? g.in_shape[0] : g.out_shape[0];
  s.out_w = GRAD ? g.in_shape[1] : g.out_shape[1];
  s.phases_h = GRAD ? g.stride[0] : 1;
  s.phases_w = GRAD ? g.stride[1] : 1;
  s.grid_h = (s.out_h + s.phases_h - 1) / s.phases_h;
  s.grid_w = (s.out_w + s.phases_w - 1) / s.phases_w;
  s.source_plane = (long long)s.source_h * s.source_w;
  s.out_plane = (long long)s.out_h * s.out_w;
  s.pixels = (long long)g.N * s.grid_h * s.grid_w;
  return s;
}

__device__ __forceinline__ bool finite(ACC value) { return value - value == 0; }

// One value of the input gradient, written out: only taps that reach an output count.
__device__ __forceinline__ ACC input_grad_value(const T* gy, const T* w, const ConvGeometry& g, long long n, int c, int h, int v) {
  const int P = g.out_shape[0], Q = g.out_shape[1], R = g.kernel[0], S = g.kernel[1];
  const int channels = g.C / g.groups, filters = g.K / g.groups, group = c / channels;
  const T* planes = gy + (n * g.K + group * filters) * P * Q;
  const T* taps = w + ((long long)group * filters * channels + c % channels) * R * S;
  ACC sum = 0;
  for (int r = 0; r < R; r++) {
    const int below = h + g.pad_lo[0] - r * g.dilation[0], p = below / g.stride[0];
    if (below < 0 || p >= P || below % g.stride[0]) continue;
    for (int s = 0; s < S; s++) {
      const int right = v + g.pad_lo[1] - s * g.dilation[1], q = right / g.stride[1];
      if (right < 0 || q >= Q || right % g.stride[1]) continue;
      for (int k = 0; k < filters; k++)
        sum += ACC(planes[((long long)k * P + p) * Q + q]) * ACC(taps[((long long)k * channels * R + r) * S + s]);
    }
  }
  return sum;
}
