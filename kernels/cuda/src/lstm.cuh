// Long short-term memory: i, f, g, o = s(z_i), s(z_f), tanh(z_g), s(z_o);  c <- f c + i g;  h <- o tanh(c).
#pragma once
#include "recurrent.cuh"

struct LstmForward {
  static constexpr int GATES = 4;
  const ACC* z_in;           // (T, N, 4H): x w_ih' + bias
  const long long* lengths;  // (N) or none
  ACC *h, *c;                // (slots, N, H)
  T* y;                      // (T, N, H)
  ACC* gates;                // (T, N, 4H): i, f, g, o for the gradient, or none
  RecurrentPlan p;

  __device__ __forceinline__ void forward(int s, int n, int j, const ACC (&sum)[4]) const {
    const long long now = state_at(p, s, n, j), next = state_at(p, s + 1, n, j), row = row_at(p, s, n), H = p.hidden;
    if (!runs(lengths, n, time_of(p, s))) {
      h[next] = h[now];
      c[next] = c[now];
      y[row * H + j] = T(ACC(0));
      return;
    }
    const ACC* z = z_in + row * 4 * H + j;
    const ACC i = sigmoid(z[0] + sum[0]), f = sigmoid(z[H] + sum[1]), g = tanh(z[2 * H] + sum[2]), o = sigmoid(z[3 * H] + sum[3]);
    const ACC cell = f * c[now] + i * g, out = o * tanh(cell);
    c[next] = cell;
    h[next] = out;
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

KERNEL(lstm_forward, 256)(const ACC* z_in, const T* __restrict__ w_hh, const long long* __restrict__ lengths, ACC* h, ACC* c,
                          T* y, ACC* gates, RecurrentPlan p) {
  run_forward(LstmForward{z_in, lengths, h, c, y, gates, p}, w_hh, p);
}
KERNEL(lstm_forward_step, 256)(const ACC* z_in, const ACC* products, const long long* __restrict__ lengths, ACC* h, ACC* c, T* y,
                               ACC* gates, RecurrentPlan p, int s) {
  forward_step(LstmForward{z_in, lengths, h, c, y, gates, p}, products, p, s);
}

struct LstmBackward {
  static constexpr int GATES = 4;
  const T* gy;               // (T, N, H)
  const long long* lengths;  // (N) or none
  const ACC *gates, *c;      // as LstmForward left them
  ACC *dh, *dc;              // (N, H): gradients of the state before the step that was last gone through
  ACC* dz;                   // (T, N, 4H)
  RecurrentPlan p;

  ARRIVE
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

KERNEL(lstm_backward, 256)(const T* gy, const T* __restrict__ w_hh, const long long* __restrict__ lengths, const ACC* gates,
                           const ACC* c, ACC* dh, ACC* dc, ACC* dz, RecurrentPlan p) {
  run_backward(LstmBackward{gy, lengths, gates, c, dh, dc, dz, p}, w_hh, p);
}
KERNEL(lstm_backward_step, 256)(const T* gy, const ACC* products, const long long* __restrict__ lengths, const ACC* gates,
                                const ACC* c, ACC* dh, ACC* dc, ACC* dz, RecurrentPlan p, int s) {
  backward_step(LstmBackward{gy, lengths, gates, c, dh, dc, dz, p}, products, p, s);
}
