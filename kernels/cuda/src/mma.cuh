// Tensor cores, and copies into shared memory that run beside the arithmetic. Both need sm_80; a kernel that includes this lists
// no older card, and traps on one: a body left empty by a test of the architecture would be silently wrong.
//
// One product of a warp is d (16 x 8) += a (16 x k) b (k x 8), added in float, where k is 8 for tf32 and 16 for float16 and
// bfloat16. In words of 32 bits all three look alike: a word is one tf32 number, or two 16-bit numbers that are neighbours along
// k (the first in the low half), and k is 8 words. With row = lane / 4, t = lane % 4 a lane holds (PTX, "Matrix Fragments"):
//   a[0] (row, word t)  a[1] (row + 8, word t)  a[2] (row, word t + 4)  a[3] (row + 8, word t + 4)
//   b[0] (word t, column row)  b[1] (word t + 4, column row)
//   d[0], d[1] (row, columns 2t, 2t + 1)  d[2], d[3] (row + 8, columns 2t, 2t + 1)
#pragma once

#ifdef CUDA_EMULATOR
using emu::load_matrices;
using emu::load_matrices_transposed;
using emu::mma_bf16;
using emu::mma_f16;
using emu::mma_tf32;
using emu::pack_bf16;
using emu::pack_f16;
using emu::to_tf32;
template <int BYTES> inline void copy_async(void* to, const void* from, int valid) { emu::async_copy(to, from, BYTES, BYTES - valid); }
inline void copies_commit() { emu::async_commit(); }
template <int OPEN> inline void copies_wait() { emu::async_wait(OPEN); }

#elif __CUDA_ARCH__ >= 800
#define MMA(name, shape, type)                                                                                       \
  __device__ __forceinline__ void name(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {              \
    asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type ".f32 "                                     \
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                                   \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                    \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                                \
  }
MMA(mma_tf32, "m16n8k8", "tf32")
MMA(mma_f16, "m16n8k16", "f16")
MMA(mma_bf16, "m16n8k16", "bf16")

// To the nearest tf32 number (10 bits of fraction, ties away from zero). Tensor cores ignore the low 13 bits: that would truncate.
__device__ __forceinline__ unsigned to_tf32(float x) {
  unsigned word;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "f"(x));
  return word;
}
// Two numbers to the nearest 16-bit ones (ties to even), `low` first along k.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
  unsigned word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}
__device__ __forceinline__ unsigned pack_f16(float low, float high) {
  unsigned word;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

// Four 8 x 8 matrices of 16-bit numbers (8 rows x 4 words) from shared memory. Lane 8 m + i names row i of matrix m, 16 aligned
// bytes; register m of a lane is then word t of row `row` of matrix m. Transposed: numbers (2t, row) and (2t + 1, row) of it.
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const void* line) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"((unsigned)__cvta_generic_to_shared(line)) : "memory");
}
__device__ __forceinline__ void load_matrices_transposed(unsigned (&r)[4], const void* line) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"((unsigned)__cvta_generic_to_shared(line)) : "memory");
}

// BYTES (4, 8 or 16, both addresses aligned to it) from global to shared memory, of which the first `valid` are read and the
// rest become 0. They are there when the thread has waited for their group, and for other threads after a barrier besides.
template <int BYTES> __device__ __forceinline__ void copy_async(void* to, const void* from, int valid) {
  const unsigned shared = (unsigned)__cvta_generic_to_shared(to);
  if constexpr (BYTES == 16)  // not kept in the first cache
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from), "r"(valid) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared), "l"(from), "n"(BYTES), "r"(valid) : "memory");
}
// Close the group of the copies begun since the last one; wait until at most OPEN groups are still under way.
__device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int OPEN> __device__ __forceinline__ void copies_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(OPEN) : "memory"); }

#else
__device__ __forceinline__ void mma_tf32(float (&)[4], const unsigned (&)[4], const unsigned (&)[2]) { __trap(); }
__device__ __forceinline__ void mma_f16(float (&)[4], const unsigned (&)[4], const unsigned (&)[2]) { __trap(); }
__device__ __forceinline__ void mma_bf16(float (&)[4], const unsigned (&)[4], const unsigned (&)[2]) { __trap(); }
__device__ __forceinline__ unsigned to_tf32(float) { __trap(); return 0; }
__device__ __forceinline__ unsigned pack_bf16(float, float) { __trap(); return 0; }
__device__ __forceinline__ unsigned pack_f16(float, float) { __trap(); return 0; }
__device__ __forceinline__ void load_matrices(unsigned (&)[4], const void*) { __trap(); }
__device__ __forceinline__ void load_matrices_transposed(unsigned (&)[4], const void*) { __trap(); }
template <int BYTES> __device__ __forceinline__ void copy_async(void*, const void*, int) { __trap(); }
__device__ __forceinline__ void copies_commit() { __trap(); }
template <int OPEN> __device__ __forceinline__ void copies_wait() { __trap(); }
#endif
