// Pooling in three dimensions, channels first; planes are volumes of depth 1. One thread makes one value.
//
// The gradients gather instead of scattering: a thread asks all windows that contain its position, so no two threads ever
// add to the same place, and the order of the sum is fixed.
#include "volume.cuh"

__device__ __forceinline__ int input_position(const PoolGeometry& g, int axis, int output, int tap) {
  return output * g.stride[axis] - g.pad_lo[axis] + tap * g.dilation[axis];
}
__device__ __forceinline__ bool within(int at, int size) { return (unsigned)at < (unsigned)size; }

// a / b for a >= 0. Strides are 1 or 2 almost always, and a division costs more than all that a thread reads.
__device__ __forceinline__ int divided(int a, int b) { return b == 1 ? a : b == 2 ? a >> 1 : a / b; }

// The windows that contain an input position, along one axis: last down to first, which is the order of their taps.
struct Windows { int first, last, shifted; };
__device__ __forceinline__ Windows windows_of(const PoolGeometry& g, int axis, int at) {
  const int shifted = at + g.pad_lo[axis], reach = shifted - (g.kernel[axis] - 1) * g.dilation[axis], stride = g.stride[axis];
  return {reach > 0 ? divided(reach + stride - 1, stride) : 0, min(divided(shifted, stride), g.out_shape[axis] - 1), shifted};
}
__device__ __forceinline__ bool on_tap(const PoolGeometry& g, int axis, const Windows& w, int output) {
  return g.dilation[axis] == 1 || (w.shifted - output * g.stride[axis]) % g.dilation[axis] == 0;
}

// Over how many positions a mean is taken along one axis: those in the input, and in the padding asked for if that counts.
__device__ __forceinline__ int count(const PoolGeometry& g, int axis, int output) {
  const int padding = g.count_include_pad ? g.padding[axis] : 0, begin = output * g.stride[axis] - g.pad_lo[axis];
  return max(0, min(begin + g.kernel[axis], g.in_shape[axis] + padding) - max(begin, -padding));
}
__device__ __forceinline__ ACC divisor(const PoolGeometry& g, int a, int b, int c) {
  return ACC(count(g, 0, a)) * ACC(count(g, 1, b)) * ACC(count(g, 2, c));
}

// Flat places in a plane, of as many bytes each as its size asks for: 2, 4 or 8.
__device__ __forceinline__ long long place_at(const unsigned char* index, long long i, int bytes) {
  return bytes == 2 ? reinterpret_cast<const short*>(index)[i]
       : bytes == 4 ? reinterpret_cast<const int*>(index)[i] : reinterpret_cast<const long long*>(index)[i];
}
__device__ __forceinline__ void put_place(unsigned char* index, long long i, int bytes, long long place) {
  if (bytes == 2) reinterpret_cast<short*>(index)[i] = (short)place;
  else if (bytes == 4) reinterpret_cast<int*>(index)[i] = (int)place;
  else reinterpret_cast<long long*>(index)[i] = place;
}

// The first of the largest values, or the first NaN.
KERNEL(max_pool, 256)(const T* __restrict__ x, T* __restrict__ y, unsigned char* __restrict__ index, int bytes, PoolGeometry g) {
  const long long total = (long long)g.N * g.C * volume(g.out_shape), threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long plane = i;
    const Place out = position(plane, g.out_shape);
    const T* from = x + plane * volume(g.in_shape);
    ACC best = 0;
    long long place = -1;
    for (int r = 0; r < g.kernel[0]; r++) {
      const int a = input_position(g, 0, out.at[0], r);
      if (!within(a, g.in_shape[0])) continue;
      for (int s = 0; s < g.kernel[1]; s++) {
        const int b = input_position(g, 1, out.at[1], s);
        if (!within(b, g.in_shape[1])) continue;
        for (int u = 0; u < g.kernel[2]; u++) {
          const int c = input_position(g, 2, out.at[2], u);
          if (!within(c, g.in_shape[2])) continue;
          const long long here = flat(g.in_shape, a, b, c);
          const ACC value = ACC(from[here]);
          if (place < 0 || (!(value <= best) && best == best)) {
            best = value;
            place = here;
          }
        }
      }
    }
    y[i] = T(best);
    put_place(index, i, bytes, place);
  }
}

// gx = the sum of gy over the windows that chose this position.
KERNEL(max_pool_scatter, 256)(const T* __restrict__ gy, const unsigned char* __restrict__ index, T* __restrict__ gx, int bytes,
                              PoolGeometry g) {
  const long long total = (long long)g.N * g.C * volume(g.in_shape), threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long plane = i;
    const Place at = position(plane, g.in_shape);
    const long long here = flat(g.in_shape, at), first = plane * volume(g.out_shape);
    const Windows A = windows_of(g, 0, at.at[0]), B = windows_of(g, 1, at.at[1]), C = windows_of(g, 2, at.at[2]);
    ACC sum = 0;
    for (int a = A.last; a >= A.first; a--) {
      if (!on_tap(g, 0, A, a)) continue;
      for (int b = B.last; b >= B.first; b--) {
        if (!on_tap(g, 1, B, b)) continue;
        for (int c = C.last; c >= C.first; c--) {
          const long long out = first + flat(g.out_shape, a, b, c);
          if (on_tap(g, 2, C, c) && place_at(index, out, bytes) == here) sum += ACC(gy[out]);
        }
      }
    }
    gx[i] = T(sum);
  }
}

// y = x at index; 0 for an index outside, which would be another plane's memory.
KERNEL(max_pool_gather, 256)(const T* __restrict__ x, const unsigned char* __restrict__ index, T* __restrict__ y, int bytes,
                             PoolGeometry g) {
  const long long inputs = volume(g.in_shape), outputs = volume(g.out_shape);
  const long long total = (long long)g.N * g.C * outputs, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    const long long from = place_at(index, i, bytes);
    y[i] = from >= 0 && from < inputs ? x[quotient(i, outputs) * inputs + from] : T(0);
  }
}

KERNEL(avg_pool, 256)(const T* __restrict__ x, T* __restrict__ y, PoolGeometry g) {
  const long long total = (long long)g.N * g.C * volume(g.out_shape), threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long plane = i;
    const Place out = position(plane, g.out_shape);
    const T* from = x + plane * volume(g.in_shape);
    ACC sum = 0;
    for (int r = 0; r < g.kernel[0]; r++) {
      const int a = input_position(g, 0, out.at[0], r);
      if (!within(a, g.in_shape[0])) continue;
      for (int s = 0; s < g.kernel[1]; s++) {
        const int b = input_position(g, 1, out.at[1], s);
        if (!within(b, g.in_shape[1])) continue;
        ACC line = 0;  // sums of sums keep their rounding small
        for (int u = 0; u < g.kernel[2]; u++) {
          const int c = input_position(g, 2, out.at[2], u);
          if (within(c, g.in_shape[2])) line += ACC(from[flat(g.in_shape, a, b, c)]);
        }
        sum += line;
      }
    }
    y[i] = T(sum / divisor(g, out.at[0], out.at[1], out.at[2]));
  }
}

KERNEL(avg_pool_input_grad, 256)(const T* __restrict__ gy, T* __restrict__ gx, PoolGeometry g) {
  const long long total = (long long)g.N * g.C * volume(g.in_shape), threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long plane = i;
    const Place at = position(plane, g.in_shape);
    const T* from = gy + plane * volume(g.out_shape);
    const Windows A = windows_of(g, 0, at.at[0]), B = windows_of(g, 1, at.at[1]), C = windows_of(g, 2, at.at[2]);
    ACC sum = 0;
    for (int a = A.last; a >= A.first; a--) {
      if (!on_tap(g, 0, A, a)) continue;
      for (int b = B.last; b >= B.first; b--) {
        if (!on_tap(g, 1, B, b)) continue;
        for (int c = C.last; c >= C.first; c--)
          if (on_tap(g, 2, C, c)) sum += ACC(from[flat(g.out_shape, a, b, c)]) / divisor(g, a, b, c);
      }
    }
    gx[i] = T(sum);
  }
}
