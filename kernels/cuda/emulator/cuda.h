// The CUDA language as C++17, so that g++ compiles a kernel source as it stands.
// Only kernel sources include this; threads, barriers and checks are in scheduler.cpp and checker.cpp.
#pragma once
#include "abi.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

#define CUDA_EMULATOR 1
#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
// All shared variables of a module then form its thread-local block, which the runtime can poison, swap and watch.
// (A named section does not work: g++ ignores it for statics inside templates.)
#define __shared__ static thread_local
#define EMU_UNCHECKED __attribute__((no_sanitize("thread"), noinline))

// ---- vectors
#define EMU_VECTOR(T, NAME)                                                       \
  struct alignas(sizeof(T) * 2) NAME##2 { T x, y; };                              \
  struct NAME##3 { T x, y, z; };                                                  \
  struct alignas(sizeof(T) * 4 > 16 ? 16 : sizeof(T) * 4) NAME##4 { T x, y, z, w; }; \
  static inline NAME##2 make_##NAME##2(T x, T y) { return {x, y}; }               \
  static inline NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMU_VECTOR(float, float)
EMU_VECTOR(double, double)
EMU_VECTOR(int, int)
EMU_VECTOR(unsigned char, uchar)
EMU_VECTOR(unsigned short, ushort)
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// ---- bits
template <class To, class From> To emu_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
static inline float __int_as_float(int x) { return emu_bits<float>(x); }
static inline int __float_as_int(float x) { return emu_bits<int>(x); }
static inline float __uint_as_float(unsigned x) { return emu_bits<float>(x); }
static inline unsigned __float_as_uint(float x) { return emu_bits<unsigned>(x); }
static inline double __longlong_as_double(long long x) { return emu_bits<double>(x); }
static inline long long __double_as_longlong(double x) { return emu_bits<long long>(x); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }

// ---- half precision (cuda_fp16.h, cuda_bf16.h)
struct __half {
  _Float16 v;
  __half() = default;
  __half(float f) : v((_Float16)f) {}
  operator float() const { return (float)v; }
};
using half = __half;
static inline half __float2half(float f) { return half(f); }
static inline float __half2float(half h) { return h; }
static inline half __double2half(double d) {  // rounded once
  half h;
  h.v = (_Float16)d;
  return h;
}

struct __nv_bfloat16 {
  uint16_t v;
  __nv_bfloat16() = default;
  __nv_bfloat16(float f) {  // round to nearest even
    unsigned u = __float_as_uint(f);
    v = f != f ? 0x7fff : (u + 0x7fff + (u >> 16 & 1)) >> 16;
  }
  operator float() const { return __uint_as_float((unsigned)v << 16); }
};
static inline float __bfloat162float(__nv_bfloat16 h) { return h; }
static inline __nv_bfloat16 __float2bfloat16(float f) { return f; }
static inline __nv_bfloat16 __double2bfloat16(double d) {  // rounded once: by way of a float whose last bit says if any were lost
  float f = (float)d;
  unsigned u = __float_as_uint(f);
  if (f == f && (double)f != d) {
    if (fabs((double)f) > fabs(d)) u--;
    u |= 1;
    f = __uint_as_float(u);
  }
  return f;
}

// ---- kernels: the signature comes from the C++ type, so it cannot differ from what runs
namespace emu {
template <class T> void describe(char *&out) {
  if constexpr (std::is_pointer_v<T>) {
    *out++ = std::is_const_v<std::remove_pointer_t<T>> ? 'P' : 'p';
    describe<std::remove_cv_t<std::remove_pointer_t<T>>>(out);
  } else {
    *out++ = std::is_same_v<T, bool>                                           ? 'b'
             : std::is_floating_point_v<T> || std::is_same_v<T, __half>        ? 'f'
             : std::is_same_v<T, __nv_bfloat16>                                ? 'B'
             : std::is_integral_v<T> ? (std::is_signed_v<T> ? 'i' : 'u') : 'V';
    out += sprintf(out, "%zu", sizeof(T));
  }
}
template <class... A, size_t... I>
EMU_UNCHECKED void call(void (*function)(A...), void **arguments, std::index_sequence<I...>) {
  function(*reinterpret_cast<std::remove_cv_t<A> *>(arguments[I])...);
}
template <class... A> EMU_UNCHECKED void invoke(void *function, void **arguments) {
  call(reinterpret_cast<void (*)(A...)>(function), arguments, std::index_sequence_for<A...>{});
}
template <class... A> Kernel describe_kernel(const char *name, void (*function)(A...)) {
  Kernel k{name, &invoke<A...>, reinterpret_cast<void *>(function), {}};
  char *out = k.signature;
  ((describe<std::remove_cv_t<A>>(out), *out++ = ';'), ...);
  *out = 0;
  return k;
}

// ---- threads, warps
inline unsigned thread_in_block() {
  return cur.threadIdx.x + cur.blockDim.x * (cur.threadIdx.y + cur.blockDim.y * cur.threadIdx.z);
}
inline int lane() { return thread_in_block() & 31; }

struct Slots { alignas(16) unsigned char of_lane[32][16]; };  // what every lane brought to an exchange

template <class T> EMU_UNCHECKED T lane_value(unsigned mask, T v, int from, int line) {
  static_assert(sizeof(T) <= 16, "shuffle of more than 16 bytes");
  Slots s;
  warp_exchange(mask, &v, &s, sizeof(T), line);
  if (from < 0 || !(mask >> from & 1)) return v;
  T r;
  memcpy(&r, s.of_lane[from], sizeof(T));
  return r;
}
template <class T> T shuffle(unsigned mask, T v, int from, int width, int line) {
  return lane_value(mask, v, (lane() & ~(width - 1)) + (from & (width - 1)), line);
}
template <class T> T shuffle_relative(unsigned mask, T v, int from, int width, int line) {
  int segment = lane() & ~(width - 1);  // outside its segment a lane keeps its own value
  return lane_value(mask, v, from < segment || from >= segment + width ? lane() : from, line);
}
EMU_UNCHECKED inline unsigned ballot(unsigned mask, int predicate, int line) {
  Slots s;
  int mine = predicate != 0;
  unsigned votes = 0;
  warp_exchange(mask, &mine, &s, sizeof mine, line);
  for (int i = 0; i < 32; i++) {
    int vote;
    memcpy(&vote, s.of_lane[i], sizeof vote);
    if ((mask >> i & 1) && vote) votes |= 1u << i;
  }
  return votes;
}
template <class T, class F> EMU_UNCHECKED T atomic(T *p, F update) {
  note_atomic(p, sizeof(T));
  T old = *p;
  *p = update(old);
  return old;
}
}  // namespace emu

#define threadIdx (emu::cur.threadIdx)
#define blockIdx (emu::cur.blockIdx)
#define blockDim (emu::cur.blockDim)
#define gridDim (emu::cur.gridDim)
#define warpSize 32
#define __syncthreads() ((void)emu::barrier(0, emu::SYNC, __LINE__))
#define __syncthreads_count(p) emu::barrier((p) != 0, emu::COUNT, __LINE__)
#define __syncthreads_and(p) emu::barrier((p) != 0, emu::AND, __LINE__)
#define __syncthreads_or(p) emu::barrier((p) != 0, emu::OR, __LINE__)
#define EMU_FIRST(first, ...) (first)
#define EMU_MASK(...) EMU_FIRST(__VA_ARGS__ __VA_OPT__(,) 0xffffffffu, 0)
#define EMU_WIDTH(...) EMU_FIRST(__VA_ARGS__ __VA_OPT__(,) 32, 0)
#define __syncwarp(...) ((void)emu::ballot(EMU_MASK(__VA_ARGS__), 0, __LINE__))
#define __ballot_sync(m, p) emu::ballot(m, p, __LINE__)
#define __any_sync(m, p) (emu::ballot(m, p, __LINE__) != 0)
#define __all_sync(m, p) (emu::ballot(m, p, __LINE__) == (unsigned)(m))
#define __shfl_sync(m, v, from, ...) emu::shuffle(m, v, from, EMU_WIDTH(__VA_ARGS__), __LINE__)
#define __shfl_xor_sync(m, v, x, ...) emu::shuffle_relative(m, v, emu::lane() ^ int(x), EMU_WIDTH(__VA_ARGS__), __LINE__)
#define __shfl_up_sync(m, v, d, ...) emu::shuffle_relative(m, v, emu::lane() - int(d), EMU_WIDTH(__VA_ARGS__), __LINE__)
#define __shfl_down_sync(m, v, d, ...) emu::shuffle_relative(m, v, emu::lane() + int(d), EMU_WIDTH(__VA_ARGS__), __LINE__)

static inline void __threadfence() {}
static inline void __threadfence_block() {}
template <class T> using emu_same = std::common_type_t<T>;  // no deduction from this argument, as in CUDA's overloads
template <class T> T atomicAdd(T *p, emu_same<T> v) { return emu::atomic(p, [=](T o) { return T(o + v); }); }
template <class T> T atomicMax(T *p, emu_same<T> v) { return emu::atomic(p, [=](T o) { return o > v ? o : v; }); }
template <class T> T atomicMin(T *p, emu_same<T> v) { return emu::atomic(p, [=](T o) { return o < v ? o : v; }); }
template <class T> T atomicExch(T *p, emu_same<T> v) { return emu::atomic(p, [=](T) { return v; }); }
template <class T> T atomicCAS(T *p, emu_same<T> c, emu_same<T> v) {
  return emu::atomic(p, [=](T o) { return o == c ? v : o; });
}

// ---- loads and mathematics
template <class T> T __ldg(const T *p) { return *p; }
#define EMU_MINMAX(T)                                       \
  static inline T min(T a, T b) { return b < a ? b : a; }   \
  static inline T max(T a, T b) { return a < b ? b : a; }
EMU_MINMAX(int)
EMU_MINMAX(unsigned)
EMU_MINMAX(long)
EMU_MINMAX(long long)
EMU_MINMAX(float)
EMU_MINMAX(double)
#define __expf expf  // glibc declares functions of these names, hence macros
#define __logf logf
static inline float __fdividef(float x, float y) { return x / y; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }

// ---- cp.async (cuda_pipeline.h): the copy lands only when it is waited for
static inline void __pipeline_memcpy_async(void *to, const void *from, size_t n, size_t zero_fill = 0) {
  emu::async_copy(to, from, (unsigned)n, (unsigned)zero_fill);
}
static inline void __pipeline_commit() { emu::async_commit(); }
static inline void __pipeline_wait_prior(size_t n) { emu::async_wait((unsigned)n); }

// ---- cooperative groups: the whole grid
namespace cooperative_groups {
struct grid_group {
  unsigned long long thread_rank() const {
    unsigned long long block = blockIdx.x + (unsigned long long)gridDim.x * (blockIdx.y + (unsigned long long)gridDim.y * blockIdx.z);
    return block * (blockDim.x * blockDim.y * blockDim.z) + emu::thread_in_block();
  }
  unsigned long long size() const {
    return 1ull * gridDim.x * gridDim.y * gridDim.z * blockDim.x * blockDim.y * blockDim.z;
  }
  void sync(int line = __builtin_LINE()) const { emu::grid_barrier(line); }
};
static inline grid_group this_grid() { return {}; }
}  // namespace cooperative_groups

// ---- tensor cores: the twins of mma.cuh, where the layout of registers is written down
namespace emu {
template <class T, int N> struct WarpRegisters { T of_lane[32][N]; };

// Every lane's fragment registers, exchanged 16 bytes at a time. Orders no memory: neither does the instruction.
template <class T, int N> EMU_UNCHECKED WarpRegisters<T, N> gather_warp(const T (&mine)[N], int line) {
  constexpr int per_exchange = 16 / sizeof(T);
  WarpRegisters<T, N> w;
  for (int i = 0; i < N; i += per_exchange) {
    T part[per_exchange]{};
    Slots s;
    int n = N - i < per_exchange ? N - i : per_exchange;
    memcpy(part, mine + i, n * sizeof(T));
    warp_exchange(0xffffffffu, part, &s, sizeof part, line, false);
    for (int l = 0; l < 32; l++) memcpy(w.of_lane[l] + i, s.of_lane[l], n * sizeof(T));
  }
  return w;
}

// d (16 x 8) += a (16 x 8 words) b (8 words x 8), a word being PARTS numbers that value(word, part) reads.
template <int PARTS, class Value>
EMU_UNCHECKED void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], int line, Value value) {
  auto A = gather_warp(a, line);
  auto B = gather_warp(b, line);
  for (int i = 0; i < 4; i++) {
    int row = (lane() >> 2) + (i >> 1) * 8, column = (lane() & 3) * 2 + (i & 1);
    for (int w = 0; w < 8; w++)
      for (int part = 0; part < PARTS; part++)
        d[i] += value(A.of_lane[(row & 7) * 4 + (w & 3)][(row >> 3) + (w >> 2) * 2], part) *
                value(B.of_lane[column * 4 + (w & 3)][w >> 2], part);
  }
}
inline void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], int line = __builtin_LINE()) {
  mma<1>(d, a, b, line, [](unsigned u, int) { return __uint_as_float(u & 0xffffe000u); });  // hardware ignores the low 13 bits
}
inline void mma_f16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], int line = __builtin_LINE()) {
  mma<2>(d, a, b, line, [](unsigned u, int part) { return (float)emu_bits<_Float16>((uint16_t)(u >> 16 * part)); });
}
inline void mma_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], int line = __builtin_LINE()) {
  mma<2>(d, a, b, line, [](unsigned u, int part) { return __uint_as_float((u >> 16 * part) << 16); });
}

inline unsigned to_tf32(float x) {  // to nearest, ties away, 10 bits of fraction
  unsigned u = __float_as_uint(x);
  return (u & 0x7f800000u) == 0x7f800000u ? u : (u + 0x1000u) & 0xffffe000u;
}
inline unsigned pack_bf16(float low, float high) { return __nv_bfloat16(low).v | (unsigned)__nv_bfloat16(high).v << 16; }
inline unsigned pack_f16(float low, float high) {
  return emu_bits<uint16_t>((_Float16)low) | (unsigned)emu_bits<uint16_t>((_Float16)high) << 16;
}

EMU_UNCHECKED inline void read_matrices(unsigned (&r)[4], const void *from, bool transposed, int line) {
  Slots s;
  note_read(from, 16);
  warp_exchange(0xffffffffu, from, &s, 16, line, false);
  int row = lane() >> 2, t = lane() & 3;
  for (int m = 0; m < 4; m++) {
    if (transposed) {
      uint16_t low, high;
      memcpy(&low, s.of_lane[8 * m + 2 * t] + 2 * row, 2);
      memcpy(&high, s.of_lane[8 * m + 2 * t + 1] + 2 * row, 2);
      r[m] = low | (unsigned)high << 16;
    } else {
      memcpy(&r[m], s.of_lane[8 * m + row] + 4 * t, 4);
    }
  }
}
inline void load_matrices(unsigned (&r)[4], const void *from, int line = __builtin_LINE()) {
  read_matrices(r, from, false, line);
}
inline void load_matrices_transposed(unsigned (&r)[4], const void *from, int line = __builtin_LINE()) {
  read_matrices(r, from, true, line);
}
}  // namespace emu
