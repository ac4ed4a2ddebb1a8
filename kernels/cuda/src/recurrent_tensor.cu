// All recurrent cells on tensor cores, for float32 that is rounded to tf32 or bfloat16 before it is multiplied.
#include "recurrent_tensor.cuh"
#include "recurrent_whole.cuh"
