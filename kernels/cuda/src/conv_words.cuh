// How convolutions on tensor cores see numbers: in words of 32 bits, one tf32 number or two 16-bit ones each, four words a chunk.
//
// Images are stored anew for them, channels last in whole chunks, and so are filters: then any number of neighbouring channels comes
// in one copy of 16 bytes for each tap, aligned whatever the window's place. In the order channels first a copy would be one number
// (4 bytes at most, and 16-bit numbers could not be copied past the registers at all): 4 to 8 times the instructions in the loop that
// must keep tensor cores busy. The new order costs one pass, read and write: with 64 channels of 56 x 56 and 3x3 filters in bfloat16
// 6 us beside 18 us of products, and less the more channels there are; it rounds to tf32 or bfloat16 on the way, which the inner
// loop then need not do. 1x1 filters have the plain matrix product instead, which needs none of this.
#pragma once
#include "index.cuh"

constexpr int PER_WORD = NUMBERS == TF32 ? 1 : 2, CHUNK = 4 * PER_WORD;
struct __align__(16) Chunk { unsigned word[4]; };

__device__ __forceinline__ int chunks_of(int planes) { return (planes + CHUNK - 1) / CHUNK; }
