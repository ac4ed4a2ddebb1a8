// Plain recurrent network: h <- a(z), z = x w_ih' + bias + h w_hh', a being tanh or the positive part.
#pragma once
#include "recurrent_loop.cuh"

struct RnnForward {
  static constexpr int GATES = 1;
  const ACC* z_in;           // (T, N, H): x w_ih' + bias
  const long long* lengths;  // (N) or none
  const T* h0;               // (N, H)
  ACC* h;                    // (slots, N, H)
  T *y, *h_last;             // (T, N, H), (N, H)
  int relu;
  RecurrentPlan p;

  __device__ __forceinline__ void begin(int n, int j) const { h[state_at(p, 0, n, j)] = ACC(h0[(long long)n * p.hidden + j]); }
  __device__ __forceinline__ void leave(int s, int n, int j, ACC out) const {
    h[state_at(p, s + 1, n, j)] = out;
    if (s + 1 == p.steps) h_last[(long long)n * p.hidden + j] = T(out);
  }
  __device__ __forceinline__ void forward(int s, int n, int j, const ACC (&sum)[1]) const {
    const long long now = state_at(p, s, n, j), at = row_at(p, s, n) * p.hidden + j;
    if (!runs(lengths, n, time_of(p, s))) {
      leave(s, n, j, h[now]);
      y[at] = T(ACC(0));
      return;
    }
    const ACC z = z_in[at] + sum[0], out = !relu ? tanh(z) : z <= 0 ? ACC(0) : z;  // NaN stays
    leave(s, n, j, out);
    y[at] = T(out);
  }
};

struct RnnBackward {
  static constexpr int GATES = 1;
  const T *gy, *gh;          // (T, N, H), (N, H)
  const long long* lengths;  // (N) or none
  const ACC* h;              // as RnnForward left it
  ACC* dh;                   // (N, H): gradient of the state before the step that was last gone through
  ACC* dz;                   // (T, N, H)
  int relu;
  RecurrentPlan p;

  ARRIVE
  __device__ __forceinline__ void begin(long long at) const { dh[at] = ACC(gh[at]); }
  __device__ __forceinline__ void backward(int s, int n, int j) const {
    const long long out = row_at(p, s, n) * p.hidden + j, at = (long long)n * p.hidden + j;
    if (!runs(lengths, n, time_of(p, s))) {
      dz[out] = 0;
      return;
    }
    const ACC y = h[state_at(p, s + 1, n, j)], dh_t = dh[at] + ACC(gy[out]);
    dz[out] = !relu ? dh_t * (1 - y * y) : y <= 0 ? ACC(0) : dh_t;
    dh[at] = 0;
  }
};
