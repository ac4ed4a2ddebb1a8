// Whole sequences, each cell forward and backward: cooperative kernels.
#pragma once
#include "lstm.cuh"
#include "gru.cuh"
#include "rnn.cuh"

KERNEL(lstm_forward, THREADS)(const ACC* z_in, const T* __restrict__ w_hh, const long long* __restrict__ lengths,
                          const T* __restrict__ h0, const T* __restrict__ c0, ACC* h, ACC* c, T* y, T* h_last, T* c_last, ACC* gates,
                          RecurrentPlan p) {
  run_forward(LstmForward{z_in, lengths, h0, c0, h, c, y, h_last, c_last, gates, p}, w_hh, p);
}

KERNEL(lstm_backward, THREADS)(const T* gy, const T* gh, const T* gc, const T* __restrict__ w_hh, const long long* __restrict__ lengths,
                           const ACC* gates, const ACC* c, ACC* dh, ACC* dc, ACC* dz, RecurrentPlan p) {
  run_backward(LstmBackward{gy, gh, gc, lengths, gates, c, dh, dc, dz, p}, w_hh, p);
}

KERNEL(gru_forward, THREADS)(const ACC* u, const T* __restrict__ w_hh, const T* __restrict__ b_hh,
                         const long long* __restrict__ lengths, const T* __restrict__ h0, ACC* h, T* y, T* h_last, ACC* gates, RecurrentPlan p) {
  run_forward(GruForward{u, b_hh, lengths, h0, h, y, h_last, gates, p}, w_hh, p);
}

KERNEL(gru_backward, THREADS)(const T* gy, const T* gh, const T* __restrict__ w_hh, const long long* __restrict__ lengths, const ACC* gates,
                          const ACC* h, ACC* dh, ACC* du, ACC* dz, RecurrentPlan p) {
  run_backward(GruBackward{gy, gh, lengths, gates, h, dh, du, dz, p}, w_hh, p);
}

KERNEL(rnn_forward, THREADS)(const ACC* z_in, const T* __restrict__ w_hh, const long long* __restrict__ lengths, const T* __restrict__ h0, ACC* h, T* y, T* h_last,
                         int relu, RecurrentPlan p) {
  run_forward(RnnForward{z_in, lengths, h0, h, y, h_last, relu, p}, w_hh, p);
}

KERNEL(rnn_backward, THREADS)(const T* gy, const T* gh, const T* __restrict__ w_hh, const long long* __restrict__ lengths, const ACC* h, ACC* dh,
                          ACC* dz, int relu, RecurrentPlan p) {
  run_backward(RnnBackward{gy, gh, lengths, h, dh, dz, relu, p}, w_hh, p);
}
