// What a kernel's translation unit and the runtime agree on.
#pragma once
#include <cstddef>
#include <cstdint>

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };

namespace emu {

struct Builtins {
  uint3 threadIdx, blockIdx;
  dim3 blockDim, gridDim;
};
extern Builtins cur;  // refreshed by the scheduler at every switch

// One compiled kernel. The signature is a list such as "Pf4;pf4;i4;": P = const pointer, p = pointer, then kind and size.
struct Kernel {
  const char *name;
  void (*invoke)(void *function, void **arguments);
  void *function;
  char signature[512];
};
extern Kernel kernels[];
extern int kernel_count;

enum BarrierMode { SYNC, COUNT, AND, OR };

void *dynamic_shared();                             // base of this block's dynamic shared memory
int barrier(int predicate, BarrierMode mode, int line);
void warp_exchange(unsigned mask, const void *mine, void *slots_of_32_lanes, unsigned size, int line, bool orders_memory = true);
void grid_barrier(int line);
void note_atomic(const void *p, unsigned size);     // tells the checker that this access is atomic
void note_read(const void *p, unsigned size);       // and of a read that it does not see by itself
void async_copy(void *to, const void *from, unsigned size, unsigned zero_fill);
void async_commit();
void async_wait(unsigned groups_still_open);
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace emu
