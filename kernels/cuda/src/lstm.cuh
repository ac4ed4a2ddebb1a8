// Long short-term memory: i, f, g, o = s(z_i), s(z_f), tanh(z_g), s(z_o);  c <- f c + i g;  h <- o tanh(c).
#pragma once
#include "recurrent_loop.cuh"

struct LstmForward {
  static constexpr int GATES = 4;
  const ACC* z_in;           // (T, N, 4H): x w_ih' + bias
  const long long* lengths;  // (N) or none
  const T *h0, *c0;          // (N, H)
  ACC *h, *c;                // (slots, N, H)
  T *y, *h_last, *c_last;    // (T, N, H), (N, H)
  ACC* gates;                // (T, N, 4H): i, f, g, o for the gradient, or none
  RecurrentPlan p;

  __device__ __forceinline__ void begin(int n, int j) const {
    const long long at = (long long)n * p.hidden + j, first = state_at(p, 0, n, j);
    h[first] = ACC(h0[at]);
    c[first] = ACC(c0[at]);
  }
  __device__ __forceinline__ void leave(int s, int n, int j, ACC out, ACC cell) const {
    const long long next = state_at(p, s + 1, n, j), at = (long long)n * p.hidden + j;
    h[next] = out;
    c[next] = cell;
    if (s + 1 < p.steps) return;
    h_last[at] = T(out);
    c_last[at] = T(cell);
  }
  __device__ __forceinline__ void forward(int s, int n, int j, const ACC (&sum)[4]) const {
    const long long now = state_at(p, s, n, j), row = row_at(p, s, n), H = p.hidden;
    if (!runs(lengths, n, time_of(p, s))) {
      leave(s, n, j, h[now], c[now]);
      y[row * H + j] = T(ACC(0));
      return;
    }
    const ACC* z = z_in + row * 4 * H + j;
    const ACC i = sigmoid(z[0] + sum[0]), f = sigmoid(z[H] + sum[1]), g = tanh(z[2 * H] + sum[2]), o = sigmoid(z[3 * H] + sum[3]);
    const ACC cell = f * c[now] + i * g, out = o * tanh(cell);
    leave(s, n, j, out, cell);
    y[row * H + j] = T(out);
    if (gates) {
      ACC* saved = gates + row * 4 * H + j;
      saved[0] = i;
      saved[H] = f;
      saved[2 * H] = g;
      saved[3 * H] = o;
    }
  }
};

struct LstmBackward {
  static constexpr int GATES = 4;
  const T *gy, *gh, *gc;     // (T, N, H), (N, H)
  const long long* lengths;  // (N) or none
  const ACC *gates, *c;      // as LstmForward left them
  ACC *dh, *dc;              // (N, H): gradients of the state before the step that was last gone through
  ACC* dz;                   // (T, N, 4H)
  RecurrentPlan p;

  ARRIVE
  __device__ __forceinline__ void begin(long long at) const {
    dh[at] = ACC(gh[at]);
    dc[at] = ACC(gc[at]);
  }
  __device__ __forceinline__ void backward(int s, int n, int j) const {
    const long long row = row_at(p, s, n), H = p.hidden, at = n * H + j;
    ACC* d = dz + row * 4 * H + j;
    if (!runs(lengths, n, time_of(p, s))) {
      d[0] = d[H] = d[2 * H] = d[3 * H] = 0;
      return;
    }
    const ACC* saved = gates + row * 4 * H + j;
    const ACC i = saved[0], f = saved[H], g = saved[2 * H], o = saved[3 * H];
    const ACC tanh_c = tanh(c[state_at(p, s + 1, n, j)]), dh_t = dh[at] + ACC(gy[row * H + j]);
    const ACC dc_t = dc[at] + dh_t * o * (1 - tanh_c * tanh_c);
    d[0] = dc_t * g * i * (1 - i);
    d[H] = dc_t * c[state_at(p, s, n, j)] * f * (1 - f);
    d[2 * H] = dc_t * i * (1 - g * g);
    d[3 * H] = dh_t * tanh_c * o * (1 - o);
    dc[at] = dc_t * f;
    dh[at] = 0;
  }
};
