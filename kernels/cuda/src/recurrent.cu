// All recurrent cells in one module: most of its compile time is the header of cooperative groups.
#include "lstm.cuh"
#include "gru.cuh"
#include "rnn.cuh"
