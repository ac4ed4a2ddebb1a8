// Window arithmetic of convolutions, seen alike from the outputs and from the inputs.
//
// Forward and input gradient are one computation. Either gathers, for each pixel of a grid, a value of each `inner` plane of a
// source at some taps, and multiplies with filters:
//
//   forward          source x,  inner = channels, rows = filters,  grid = the outputs
//   input gradient   source gy, inner = filters,  rows = channels, grid = the inputs that agree in the remainders (h % sh, w % sw)
//
// The text is one for planes and volumes: DIMS says which. A plane is a volume of depth 1, whose sizes and places along the depth the
// compiler knows, so that nothing of it is left in the code for planes.
//
// For such remainders (a phase) a tap reaches all pixels of the grid or none, so a stride costs no multiplications with
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

constexpr int DOWN = DIMS - 2, ALONG = DIMS - 1;  // the axes of a geometry that are the rows and columns of an image
struct Axes { Axis deep, down, along; };

// Positions in a volume; of planes the depth is 0.
struct Spot { int d, h, w; };
__device__ __forceinline__ long long offset(const Spot& s, const Spot& size) {
  return DIMS == 2 ? (long long)s.h * size.w + s.w : ((long long)s.d * size.h + s.h) * size.w + s.w;
}
__device__ __forceinline__ bool within(const Spot& s, const Spot& size) {
  return (DIMS == 2 || (unsigned)s.d < (unsigned)size.d) && within(s.h, s.w, size.h, size.w);
}
__device__ __forceinline__ long long volume(const Spot& size) { return (long long)size.d * size.h * size.w; }
__device__ __forceinline__ Spot take_off(long long& n, const Spot& size) {  // as split_off: the position, the rest left in n
  const int w = split_off(n, size.w), h = split_off(n, size.h);
  return {DIMS == 2 ? 0 : (int)split_off(n, size.d), h, w};
}
__device__ __forceinline__ Spot spot(const int (&sizes)[DIMS], int deep) { return {DIMS == 2 ? deep : sizes[0], sizes[DOWN], sizes[ALONG]}; }

// The sizes of a gather.
struct Sizes {
  int inner, rows;
  Spot source, out, grid, phases;
  long long source_plane, out_plane, pixels;  // pixels: of one phase; with a stride some lie outside the result
};

template <bool GRAD> __device__ __forceinline__ Sizes sizes_of(const ConvGeometry& g) {
  Sizes s;
  s.inner = (GRAD ? g.K : g.C) / g.groups;
  s.rows = (GRAD ? g.C : g.K) / g.groups;
  s.source = spot(GRAD ? g.out_shape : g.in_shape, 1);
  s.out = spot(GRAD ? g.in_shape : g.out_shape, 1);
  s.phases = GRAD ? spot(g.stride, 1) : Spot{1, 1, 1};
  s.grid = {(s.out.d + s.phases.d - 1) / s.phases.d, (s.out.h + s.phases.h - 1) / s.phases.h, (s.out.w + s.phases.w - 1) / s.phases.w};
  s.source_plane = volume(s.source);
  s.out_plane = volume(s.out);
  s.pixels = g.N * volume(s.grid);
  return s;
}

// The axes of a phase, which is taken off n.
template <bool GRAD> __device__ __forceinline__ Axes axes_of(const ConvGeometry& g, const Sizes& z, long long& n) {
  const Spot phase = take_off(n, z.phases);
  const Axis flat = {1, 0, 1, 1, 0, 1, 0, 1};
  return {DIMS == 2 ? flat : axis_of<GRAD>(g, 0, phase.d), axis_of<GRAD>(g, DOWN, phase.h), axis_of<GRAD>(g, ALONG, phase.w)};
}
// Where the window of a spot of the grid begins in the source, how far a tap is from there, and where the result lies.
__device__ __forceinline__ Spot window_of(const Axes& a, const Spot& s) {
  return {DIMS == 2 ? 0 : s.d * a.deep.scale + a.deep.origin, s.h * a.down.scale + a.down.origin, s.w * a.along.scale + a.along.origin};
}
__device__ __forceinline__ Spot reached(const Axes& a, const Spot& window, const Spot& tap) {
  return {DIMS == 2 ? 0 : window.d + tap.d * a.deep.reach, window.h + tap.h * a.down.reach, window.w + tap.w * a.along.reach};
}
__device__ __forceinline__ Spot result_of(const Axes& a, const Spot& s) {
  return {DIMS == 2 ? 0 : s.d * a.deep.out_step + a.deep.out_first, s.h * a.down.out_step + a.down.out_first,
          s.w * a.along.out_step + a.along.out_first};
}
// Taps of a phase: how many, the next one, and which of the filter's one is.
__device__ __forceinline__ int taps_of(const Axes& a) { return (DIMS == 2 ? 1 : a.deep.taps) * a.down.taps * a.along.taps; }
__device__ __forceinline__ void next(const Axes& a, Spot& tap) {
  if (++tap.w < a.along.taps) return;
  tap.w = 0;
  tap.h++;
  if (DIMS == 2 || tap.h < a.down.taps) return;
  tap.h = 0;
  tap.d++;
}
__device__ __forceinline__ bool behind(const Axes& a, const Spot& tap) {  // the last one
  return DIMS == 2 ? tap.h >= a.down.taps : tap.d >= a.deep.taps;
}
__device__ __forceinline__ int number_of(const ConvGeometry& g, const Axes& a, const Spot& tap) {
  const int row = a.down.first + tap.h * a.down.step, column = a.along.first + tap.w * a.along.step;
  return ((DIMS == 2 ? 0 : (a.deep.first + tap.d * a.deep.step) * g.kernel[DOWN]) + row) * g.kernel[ALONG] + column;
}

// Weight gradients see windows from the outputs: where an output's window begins, and how far a tap is from there.
__device__ __forceinline__ Spot corner_of(const ConvGeometry& g, const Spot& output) {
  return {DIMS == 2 ? 0 : output.d * g.stride[0] - g.pad_lo[0], output.h * g.stride[DOWN] - g.pad_lo[DOWN],
          output.w * g.stride[ALONG] - g.pad_lo[ALONG]};
}
__device__ __forceinline__ Spot way_to(const ConvGeometry& g, int tap) {
  const int row = tap / g.kernel[ALONG], column = tap % g.kernel[ALONG];
  return {DIMS == 2 ? 0 : row / g.kernel[DOWN] * g.dilation[0], (DIMS == 2 ? row : row % g.kernel[DOWN]) * g.dilation[DOWN],
          column * g.dilation[ALONG]};
}
__device__ __forceinline__ Spot operator+(const Spot& a, const Spot& b) { return {DIMS == 2 ? 0 : a.d + b.d, a.h + b.h, a.w + b.w}; }
// `steps` outputs further, and into the next images.
__device__ __forceinline__ void walk(Spot& output, long long& image, const Spot& size, int steps) {
  output.w += steps;
  while (output.w >= size.w) {
    output.w -= size.w;
    if (++output.h < size.h) continue;
    output.h = 0;
    if (DIMS == 3 && ++output.d < size.d) continue;
    output.d = 0;
    image++;
  }
}
