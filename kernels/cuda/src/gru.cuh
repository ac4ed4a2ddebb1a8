// Gated recurrent unit, the reset gate after the recurrent product. u = x w_ih' + b_ih, v = h w_hh' + b_hh, in three parts each:
// r, z = s(u_r + v_r), s(u_z + v_z);  n = tanh(u_n + r v_n);  h <- (1 - z) n + z h.
#pragma once
#include "recurrent_loop.cuh"

struct GruForward {
  static constexpr int GATES = 3;
  const ACC* u;              // (T, N, 3H)
  const T* b_hh;             // (3H) or none
  const long long* lengths;  // (N) or none
  const T* h0;               // (N, H)
  ACC* h;                    // (slots, N, H)
  T *y, *h_last;             // (T, N, H), (N, H)
  ACC* gates;                // (T, N, 4H): r, z, n, v_n for the gradient, or none
  RecurrentPlan p;

  __device__ __forceinline__ void begin(int n, int j) const { h[state_at(p, 0, n, j)] = ACC(h0[(long long)n * p.hidden + j]); }
  __device__ __forceinline__ void leave(int s, int n, int j, ACC out) const {
    h[state_at(p, s + 1, n, j)] = out;
    if (s + 1 == p.steps) h_last[(long long)n * p.hidden + j] = T(out);
  }
  __device__ __forceinline__ void forward(int s, int sequence, int j, const ACC (&sum)[3]) const {
    const long long now = state_at(p, s, sequence, j), row = row_at(p, s, sequence);
    const long long H = p.hidden;
    if (!runs(lengths, sequence, time_of(p, s))) {
      leave(s, sequence, j, h[now]);
      y[row * H + j] = T(ACC(0));
      return;
    }
    ACC v[3];
#pragma unroll
    for (int gate = 0; gate < 3; gate++) v[gate] = sum[gate] + (b_hh ? ACC(b_hh[gate * H + j]) : ACC(0));
    const ACC* in = u + row * 3 * H + j;
    const ACC r = sigmoid(in[0] + v[0]), z = sigmoid(in[H] + v[1]), n = tanh(in[2 * H] + r * v[2]), out = n + z * (h[now] - n);
    leave(s, sequence, j, out);
    y[row * H + j] = T(out);
    if (gates) {
      ACC* saved = gates + row * 4 * H + j;
      saved[0] = r;
      saved[H] = z;
      saved[2 * H] = n;
      saved[3 * H] = v[2];
    }
  }
};

struct GruBackward {
  static constexpr int GATES = 3;
  const T *gy, *gh;          // (T, N, H), (N, H)
  const long long* lengths;  // (N) or none
  const ACC *gates, *h;      // as GruForward left them
  ACC* dh;                   // (N, H): gradient of the state before the step that was last gone through
  ACC *du, *dz;              // (T, N, 3H): gradients of u, and of v, with which the weights are multiplied
  RecurrentPlan p;

  ARRIVE
  __device__ __forceinline__ void begin(long long at) const { dh[at] = ACC(gh[at]); }
  __device__ __forceinline__ void backward(int s, int sequence, int j) const {
    const long long row = row_at(p, s, sequence), H = p.hidden, at = sequence * H + j;
    ACC *in = du + row * 3 * H + j, *hidden = dz + row * 3 * H + j;
    if (!runs(lengths, sequence, time_of(p, s))) {
      in[0] = in[H] = in[2 * H] = hidden[0] = hidden[H] = hidden[2 * H] = 0;
      return;
    }
    const ACC* saved = gates + row * 4 * H + j;
    const ACC r = saved[0], z = saved[H], n = saved[2 * H], v_n = saved[3 * H];
    const ACC dh_t = dh[at] + ACC(gy[row * H + j]), du_n = dh_t * (1 - z) * (1 - n * n);
    in[0] = hidden[0] = du_n * v_n * r * (1 - r);
    in[H] = hidden[H] = dh_t * (h[state_at(p, s, sequence, j)] - n) * z * (1 - z);
    in[2 * H] = du_n;
    hidden[2 * H] = du_n * r;
    dh[at] = dh_t * z;
  }
};
