// Into and out of the order in which tensor cores read convolutions.
#include "conv_words.cuh"

// The bits of a number as the factors are: rounded to the nearest, unless it is of that kind already.
__device__ __forceinline__ unsigned bits(float x) {
  const unsigned u = __float_as_uint(x);
  const bool special = (u & 0x7f800000u) == 0x7f800000u;
  if (NUMBERS == TF32) return special ? u : (u + 0x1000u) & 0xffffe000u;  // ties away from zero, as cvt.rna does
  return x != x ? 0x7fffu : special ? u >> 16 : (u + 0x7fffu + (u >> 16 & 1)) >> 16;
}
template <class Number> __device__ __forceinline__ unsigned bits(Number x) {  // 16 bits
  unsigned short u;
  memcpy(&u, &x, sizeof u);
  return u;
}
template <class F> __device__ __forceinline__ Chunk chunk(F number) {
  Chunk c;
#pragma unroll
  for (int i = 0; i < 4; i++) c.word[i] = PER_WORD == 1 ? number(i) : number(2 * i) | number(2 * i + 1) << 16;
  return c;
}

// images (N, groups x planes, pixels) to (N, pixels, groups, chunks): what is missing from the last chunk is 0.
// A warp takes 32 bytes of pixels and as many chunks as make 32 lanes: whole sectors are read, and whole ones written.
KERNEL(conv2d_images_to_words, 256)(const T* __restrict__ images, unsigned int* __restrict__ words, long long count, int groups,
                                    int planes, long long pixels) {
  constexpr int ACROSS = 32 / sizeof(T), DEEP = 32 / ACROSS;
  const int chunks = chunks_of(planes), lane = threadIdx.x % 32;
  const long long strips = (pixels + ACROSS - 1) / ACROSS, piles = (groups * chunks + DEEP - 1) / DEEP;
  const long long warps = gridDim.x * (blockDim.x / 32ll);
  for (long long job = blockIdx.x * (blockDim.x / 32ll) + threadIdx.x / 32; job < count * strips * piles; job += warps) {
    long long image = job;
    const int which = (int)split_off(image, piles) * DEEP + lane / ACROSS;
    const long long pixel = split_off(image, strips) * ACROSS + lane % ACROSS;
    if (pixel >= pixels || which >= groups * chunks) continue;
    const int first = which % chunks * CHUNK;
    const T* from = images + ((image * groups + which / chunks) * planes + first) * pixels + pixel;
    reinterpret_cast<Chunk*>(words)[(image * pixels + pixel) * groups * chunks + which] =
        chunk([&](int i) { return first + i < planes ? bits(from[i * pixels]) : 0u; });
  }
}

__device__ __forceinline__ void filters_to_words(const T* w, unsigned int* words, int groups, int filters, int channels, int taps,
                                                 bool exchanged) {
  const int rows = exchanged ? channels : filters, inner = exchanged ? filters : channels, chunks = chunks_of(inner);
  const long long total = (long long)groups * rows * taps * chunks, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < total; i += threads) {
    long long group = i;
    const int first = (int)split_off(group, chunks) * CHUNK, tap = split_off(group, taps), row = split_off(group, rows);
    reinterpret_cast<Chunk*>(words)[i] = chunk([&](int e) {
      const int plane = first + e;
      if (plane >= inner) return 0u;
      const long long k = group * filters + (exchanged ? plane : row);
      return bits(w[(k * channels + (exchanged ? row : plane)) * taps + tap]);
    });
  }
}

// w to (groups, rows, taps, chunks of inner planes). Forward: rows are filters, inner planes channels; the input gradient exchanges
// them. Either may be left out.
KERNEL(conv2d_filters_to_words, 256)(const T* __restrict__ w, unsigned int* __restrict__ words, unsigned int* __restrict__ exchanged,
                                     int groups, int filters, int channels, int taps) {
  if (words) filters_to_words(w, words, groups, filters, channels, taps, false);
  if (exchanged) filters_to_words(w, exchanged, groups, filters, channels, taps, true);
}

// gw (K, channels, taps) = the parts of a split sum (splits, K, taps, channels) added up, first to last.
KERNEL(conv2d_tensor_weight_grad_add, 256)(const ACC* __restrict__ sums, T* __restrict__ gw, int filters, int channels, int taps,
                                           int splits) {
  const long long values = (long long)filters * channels * taps, threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < values; i += threads) {
    ACC sum = 0;
    for (int split = 0; split < splits; split++) sum += sums[split * values + i];
    long long k = i;
    const int c = split_off(k, channels), tap = split_off(k, taps);
    gw[(k * channels + c) * taps + tap] = T(sum);
  }
}
