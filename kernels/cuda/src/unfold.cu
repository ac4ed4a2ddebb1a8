// Windows as columns and back, in three dimensions; planes are volumes of depth 1. columns: (N, C, taps, outputs).
#include "volume.cuh"

// One thread copies one value; outside the image it is 0.
KERNEL(unfold, 256)(const T* __restrict__ x, T* __restrict__ columns, ConvGeometry g) {
  const long long inputs = volume(g.in_shape), threads = (long long)gridDim.x * blockDim.x;
  const long long total = (long long)g.N * g.C * volume(g.kernel) * volume(g.out_shape);
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long plane = i;
    const Place out = position(plane, g.out_shape), tap = position(plane, g.kernel);
    Place in;
    bool inside = true;
#pragma unroll
    for (int axis = 0; axis < 3; axis++) {
      in.at[axis] = out.at[axis] * g.stride[axis] - g.pad_lo[axis] + tap.at[axis] * g.dilation[axis];
      inside = inside && (unsigned)in.at[axis] < (unsigned)g.in_shape[axis];
    }
    columns[i] = inside ? x[plane * inputs + flat(g.in_shape, in)] : T(ACC(0));
  }
}

// One thread adds up all columns that were copied from its position, in the order of their taps: no atomics.
KERNEL(fold, 256)(const T* __restrict__ columns, T* __restrict__ x, ConvGeometry g) {
  const long long inputs = volume(g.in_shape), outputs = volume(g.out_shape), threads = (long long)gridDim.x * blockDim.x;
  const int taps = volume(g.kernel);
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < (long long)g.N * g.C * inputs; i += threads) {
    long long plane = i;
    const Place in = position(plane, g.in_shape);
    ACC sum = 0;
    for (int t = 0; t < taps; t++) {
      long long rest = t;
      const Place tap = position(rest, g.kernel);
      Place out;
      bool reached = true;
#pragma unroll
      for (int axis = 0; axis < 3; axis++) {
        const int from = in.at[axis] + g.pad_lo[axis] - tap.at[axis] * g.dilation[axis];
        out.at[axis] = from / g.stride[axis];
        reached = reached && from >= 0 && out.at[axis] < g.out_shape[axis] && from % g.stride[axis] == 0;
      }
      if (reached) sum += ACC(columns[(plane * taps + t) * outputs + flat(g.out_shape, out)]);
    }
    x[i] = T(sum);
  }
}
