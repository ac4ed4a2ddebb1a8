// Convolutions of one channel a group, and their gradients: nine products or so for each value read, so memory sets the pace.
#include "conv.cuh"

constexpr int PIXELS = 4, TAPS = 16;

// A thread makes PIXELS neighbours of a row of the grid, so that it takes indices apart, and finds its way in the filter, once for
// all of them. What its neighbours read too comes from the cache.
template <bool GRAD>
__device__ __forceinline__ void depthwise(const T* source, const T* w, const T* bias, T* out, const ConvGeometry& g) {
  const Sizes z = sizes_of<GRAD>(g);
  const int R = g.kernel[0], S = g.kernel[1], filters = g.K / g.groups, strips = (z.grid.w + PIXELS - 1) / PIXELS;
  const int out_planes = GRAD ? g.C : g.K, source_planes = GRAD ? g.K : g.C;
  const long long threads = (long long)gridDim.x * blockDim.x;
  const long long total = (long long)g.N * out_planes * z.phases.h * z.phases.w * z.grid.h * strips;
  for (long long job = blockIdx.x * (long long)blockDim.x + threadIdx.x; job < total; job += threads) {
    long long n = job;
    const int j = (int)split_off(n, strips) * PIXELS, i = split_off(n, z.grid.h);
    const int phase_w = split_off(n, z.phases.w), phase_h = split_off(n, z.phases.h), plane = split_off(n, out_planes);
    const Axis down = axis_of<GRAD>(g, 0, phase_h), along = axis_of<GRAD>(g, 1, phase_w);
    ACC sum[PIXELS] = {};
    for (int m = 0; m < (GRAD ? filters : 1); m++) {
      const int k = GRAD ? plane * filters + m : plane;
      const T* from = source + (n * source_planes + (GRAD ? k : plane / filters)) * z.source_plane;
      const T* filter = w + (long long)k * R * S;
      for (int a = 0; a < down.taps; a++) {
        const int h = i * down.scale + down.origin + a * down.reach;
        const bool row_inside = (unsigned)h < (unsigned)z.source.h;
        if (GRAD && !row_inside) continue;
        const T* row = from + (long long)h * z.source.w;
        for (int b = 0; b < along.taps; b++) {
          const ACC tap = ACC(filter[(down.first + a * down.step) * S + along.first + b * along.step]);
          const int v = j * along.scale + along.origin + b * along.reach;
#pragma unroll
          for (int e = 0; e < PIXELS; e++) {
            const bool inside = row_inside && (unsigned)(v + e * along.scale) < (unsigned)z.source.w;
            const ACC value = inside ? ACC(row[v + e * along.scale]) : ACC(0);
            // Forward, padding is a value; the gradient has no term where there is no output.
            if (!GRAD || inside) sum[e] += value * tap;
          }
        }
      }
    }
    const int h = i * down.out_step + down.out_first;
    const ACC add = bias ? ACC(bias[plane]) : ACC(0);
#pragma unroll
    for (int e = 0; e < PIXELS; e++) {
      const int v = (j + e) * along.out_step + along.out_first;
      if (h < z.out.h && v < z.out.w)
        out[((n * out_planes + plane) * z.out.h + h) * z.out.w + v] = T(sum[e] + add);
    }
  }
}

KERNEL(conv2d_depthwise, 256)(const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ bias, T* __restrict__ y,
                              ConvGeometry g) {
  depthwise<false>(x, w, bias, y, g);
}

KERNEL(conv2d_depthwise_input_grad, 256)(const T* __restrict__ gy, const T* __restrict__ w, T* __restrict__ gx, ConvGeometry g) {
  depthwise<true>(gy, w, nullptr, gx, g);
}

// A block sums up to TAPS taps of one filter over one part of the pixels. sums: (splits, K, R, S).
KERNEL(conv2d_depthwise_weight_grad, 256)(const T* __restrict__ x, const T* __restrict__ gy, ACC* __restrict__ sums,
                                          ConvGeometry g, int splits, long long split_size) {
  __shared__ ACC of_warp[TAPS][8];
  const int H = g.in_shape[0], W = g.in_shape[1], P = g.out_shape[0], Q = g.out_shape[1], S = g.kernel[1];
  const int taps = g.kernel[0] * S, parts = (taps + TAPS - 1) / TAPS, filters = g.K / g.groups, t = threadIdx.x;
  const long long plane = (long long)P * Q, pixels = g.N * plane;
  for (long long job = blockIdx.x; job < (long long)parts * g.K * splits; job += gridDim.x) {
    long long split = job;
    const int first = split_off(split, parts) * TAPS, k = split_off(split, g.K);
    const long long begin = split * split_size, end = min(begin + split_size, pixels);
    ACC sum[TAPS] = {};
    for (long long pixel = begin + t; pixel < end; pixel += 256) {
      long long n = pixel;
      const int place = split_off(n, plane), p = place / Q;
      const int h0 = p * g.stride[0] - g.pad_lo[0], w0 = (place - p * Q) * g.stride[1] - g.pad_lo[1];
      const T* image = x + (n * g.C + k / filters) * H * W;
      const ACC value = ACC(gy[(n * g.K + k) * plane + place]);
      int r = first / S, s = first % S;
#pragma unroll
      for (int e = 0; e < TAPS; e++) {
        const int h = h0 + r * g.dilation[0], v = w0 + s * g.dilation[1];
        if (first + e < taps) sum[e] += value * (within(h, v, H, W) ? ACC(image[(long long)h * W + v]) : ACC(0));
        if (++s == S) s = 0, r++;
      }
    }
    __syncthreads();  // the last job's sums have been read
#pragma unroll
    for (int e = 0; e < TAPS; e++) {
#pragma unroll
      for (int far = 16; far; far /= 2) sum[e] += __shfl_xor_sync(0xffffffffu, sum[e], far);
      if (t % 32 == 0) of_warp[e][t / 32] = sum[e];
    }
    __syncthreads();
    if (t < TAPS && first + t < taps) {
      ACC total = 0;
      for (int warp = 0; warp < 8; warp++) total += of_warp[t][warp];
      sums[(split * g.K + k) * taps + first + t] = total;
    }
  }
}
