// The access checker: bounds, alignment, data races and reads of unwritten shared memory.
//
// In checked mode the kernel is compiled with -fsanitize=thread but linked WITHOUT libtsan: the __tsan_* hooks at the end of
// this file see every access instead. The verdict hardly depends on the order in which threads run.
#include "state.h"

#include <cstdio>

namespace emu {
namespace {

bool conflict(const Access &a, const Access &b) {
  if (!a.block_plus_1 || (a.atomic && b.atomic) || a.grid_epoch != b.grid_epoch) return false;
  if (a.block_plus_1 != b.block_plus_1) return true;
  bool warp_ordered = a.thread / 32 == b.thread / 32 && a.warp_epoch != b.warp_epoch;
  return a.thread != b.thread && a.epoch == b.epoch && !warp_ordered;
}

struct Where {  // formatted only when something is wrong
  char text[96];
  Where(const Region &r, const char *p) {
    if (r.shared()) snprintf(text, sizeof text, "shared memory byte %ld", long(p - r.begin));
    else snprintf(text, sizeof text, "argument %d, element %ld", r.argument, long(p - r.begin) / r.grain);
  }
};

void check_cell(Cell &c, const Region &r, const char *p, const Access &a, bool write) {
  if (r.shared() && !c.written && !write) fail("read of unwritten %s at @%x", Where(r, p).text, a.pc);
  const Access *other = conflict(c.write, a)                ? &c.write
                        : write && conflict(c.read, a)      ? &c.read
                        : write && conflict(c.other_read, a) ? &c.other_read
                                                            : nullptr;
  if (other)
    fail("data race on %s: %s at @%x against %s by block %u thread %u at @%x", Where(r, p).text, write ? "write" : "read", a.pc,
         other == &c.write ? "write" : "read", other->block_plus_1 - 1, other->thread, other->pc);
  if (write) {
    c.write = a;
    c.written = true;
  }
  if (!write || a.atomic) {
    if (c.read.block_plus_1 && (c.read.block_plus_1 != a.block_plus_1 || c.read.thread != a.thread)) c.other_read = c.read;
    c.read = a;
  }
}

char *dynamic_base(Block &b) { return (char *)(((uintptr_t)b.dynamic.data() + 15) & ~15ull); }

}  // namespace

void *dynamic_shared() { return dynamic_base(*now.block); }

void watch_shared(Block &b) {
  if (!now.checking) return;
  now.regions.resize(now.argument_cells.size());
  char *fixed = now.image.shared, *dynamic = dynamic_base(b);
  if (now.image.shared_size) now.regions.push_back({fixed, fixed + now.image.shared_size, 1, -1, &b.static_cells});
  if (now.dynamic_size) now.regions.push_back({dynamic, dynamic + now.dynamic_size, 1, -1, &b.dynamic_cells});
}

void check_access(const void *address, unsigned size, bool write, bool atomic, const void *pc) {
  if (!now.checking || !now.fiber || now.failed) return;
  char *p = (char *)address;
  if (p >= now.stacks && p < now.stacks + now.stacks_size) return;  // a thread's own variables
  now.accesses++;
  const char *verb = write ? "write" : "read";
  unsigned at = (const char *)pc - now.image.begin;
  for (auto &r : now.regions) {
    if (p < r.begin || p >= r.end) continue;
    if (p + size > r.end) fail("out-of-bounds %s of %u bytes crossing the end of %s at @%x", verb, size, Where(r, p).text, at);
    if ((uintptr_t)p % (size & -size)) fail("misaligned %u-byte access to %s at @%x", size, Where(r, p).text, at);
    Access a{now.block->id + 1, now.block->epoch, now.grid_epoch, at, (uint16_t)now.thread,
             (uint16_t)now.block->warps[now.thread / 32].epoch, atomic};
    size_t first = (p - r.begin) / r.grain, last = (p - r.begin + size - 1) / r.grain;
    for (size_t i = first; i <= last; i++) check_cell((*r.cells)[i], r, p, a, write);
    return;
  }
  if (p >= now.image.begin && p < now.image.end) return;  // constants and tables of the kernel file
  fail("out-of-bounds %s of %u bytes (no array argument covers the address) at @%x", verb, size, at);
}

void forget_write(const void *address, unsigned size) {
  const char *p = (const char *)address;
  for (auto &r : now.regions)
    if (now.checking && r.shared() && p >= r.begin && p < r.end)
      for (size_t i = p - r.begin; i < size_t(p - r.begin) + size; i++) (*r.cells)[i].written = false;
}

}  // namespace emu

using emu::check_access;
#define CALLER __builtin_return_address(0)
#define ALIGNED(n)                                                              \
  void __tsan_read##n(void *p) { check_access(p, n, false, false, CALLER); }    \
  void __tsan_write##n(void *p) { check_access(p, n, true, false, CALLER); }
#define UNALIGNED(n)                                                            \
  void __tsan_unaligned_read##n(void *p) { __tsan_read_range(p, n); }           \
  void __tsan_unaligned_write##n(void *p) { __tsan_write_range(p, n); }

#pragma GCC visibility push(default)
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_read_range(void *p, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) check_access((char *)p + i, 1, false, false, CALLER);
}
void __tsan_write_range(void *p, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) check_access((char *)p + i, 1, true, false, CALLER);
}
ALIGNED(1) ALIGNED(2) ALIGNED(4) ALIGNED(8) ALIGNED(16)
UNALIGNED(2) UNALIGNED(4) UNALIGNED(8) UNALIGNED(16)
}
