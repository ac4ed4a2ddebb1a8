// All recurrent cells in one module: most of its compile time is the header of cooperative groups.
#include "recurrent_plain.cuh"
#include "recurrent_whole.cuh"

// One step, where the library multiplies.
KERNEL(lstm_forward_step, 256)(const ACC* z_in, const ACC* products, const long long* __restrict__ lengths,
                               const T* __restrict__ h0, const T* __restrict__ c0, ACC* h, ACC* c, T* y, T* h_last, T* c_last,
                               ACC* gates, RecurrentPlan p, int s) {
  forward_step(LstmForward{z_in, lengths, h0, c0, h, c, y, h_last, c_last, gates, p}, products, p, s);
}
KERNEL(lstm_backward_step, 256)(const T* gy, const T* gh, const T* gc, const ACC* products, const long long* __restrict__ lengths,
                                const ACC* gates, const ACC* c, ACC* dh, ACC* dc, ACC* dz, RecurrentPlan p, int s) {
  backward_step(LstmBackward{gy, gh, gc, lengths, gates, c, dh, dc, dz, p}, products, p, s);
}
KERNEL(gru_forward_step, 256)(const ACC* u, const ACC* products, const T* __restrict__ b_hh,
                              const long long* __restrict__ lengths, const T* __restrict__ h0, ACC* h, T* y, T* h_last, ACC* gates, RecurrentPlan p, int s) {
  forward_step(GruForward{u, b_hh, lengths, h0, h, y, h_last, gates, p}, products, p, s);
}
KERNEL(gru_backward_step, 256)(const T* gy, const T* gh, const ACC* products, const long long* __restrict__ lengths, const ACC* gates,
                               const ACC* h, ACC* dh, ACC* du, ACC* dz, RecurrentPlan p, int s) {
  backward_step(GruBackward{gy, gh, lengths, gates, h, dh, du, dz, p}, products, p, s);
}
KERNEL(rnn_forward_step, 256)(const ACC* z_in, const ACC* products, const long long* __restrict__ lengths, const T* __restrict__ h0, ACC* h, T* y, T* h_last, int relu,
                              RecurrentPlan p, int s) {
  forward_step(RnnForward{z_in, lengths, h0, h, y, h_last, relu, p}, products, p, s);
}
KERNEL(rnn_backward_step, 256)(const T* gy, const T* gh, const ACC* products, const long long* __restrict__ lengths, const ACC* h, ACC* dh,
                               ACC* dz, int relu, RecurrentPlan p, int s) {
  backward_step(RnnBackward{gy, gh, lengths, h, dh, dz, relu, p}, products, p, s);
}
