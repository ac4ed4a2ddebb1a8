// The scheduler: one fiber per CUDA thread, blocks one after another (interleaved only at grid barriers).
#include "state.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <link.h>
#include <sys/mman.h>
#include <utility>

#if !defined(__x86_64__)
#error "the emulator's context switch is written for x86-64"
#endif

extern "C" void emu_switch(void **save, void *load) __attribute__((visibility("hidden")));
asm(R"(.text
.globl emu_switch
.hidden emu_switch
.type emu_switch,@function
emu_switch:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  ret
)");

namespace emu {

Builtins cur;
Launch now;

namespace {

constexpr size_t STACK = 124 << 10, GUARD = 4096;
constexpr unsigned SHARED_LIMIT = 227 << 10;  // what a block may have on sm_90, the most of all cards listed
constexpr char POISON = char(0xff);           // reads as NaN: unwritten shared memory shows
enum Order { FORWARD, REVERSE, RANDOM };
const char *const state_name[] = {"ready", "__syncthreads", "warp operation", "grid sync", "exited"};

void *scheduler_stack;
int order;
uint64_t random_state;

uint64_t next_random() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

void to_scheduler() { emu_switch(&now.fiber->stack_pointer, scheduler_stack); }

void park(State state, int line) {
  now.fiber->state = state;
  now.fiber->line = line;
  to_scheduler();
}

void fiber_main() {
  now.kernel->invoke(now.kernel->function, now.arguments);
  now.fiber->state = DONE;
  to_scheduler();
  __builtin_trap();
}

bool report(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(now.error, sizeof now.error, format, list);
  va_end(list);
  return now.failed = true;
}

unsigned volume(const dim3 &d) { return d.x * d.y * d.z; }

void start_block(Block &b, unsigned id, unsigned first_stack) {
  unsigned threads = volume(cur.blockDim);
  b.id = id;
  b.epoch = 0;
  b.index = {id % cur.gridDim.x, id / cur.gridDim.x % cur.gridDim.y, id / (cur.gridDim.x * cur.gridDim.y)};
  b.fibers.resize(threads);
  b.warps.assign((threads + 31) / 32, {});
  b.static_shared.assign(now.cooperative ? now.image.shared_size : 0, POISON);
  b.dynamic.assign(now.dynamic_size + 16, POISON);
  if (now.checking) {
    b.static_cells.assign(now.image.shared_size, {});
    b.dynamic_cells.assign(now.dynamic_size, {});
  }
  for (unsigned t = 0; t < threads; t++) {
    Fiber &f = b.fibers[t];
    f.state = READY;
    f.line = 0;
    f.copies.assign(1, {});
    f.index = {t % cur.blockDim.x, t / cur.blockDim.x % cur.blockDim.y, t / (cur.blockDim.x * cur.blockDim.y)};
    char *top = now.stacks + (first_stack + t + 1) * (STACK + GUARD);
    void **sp = (void **)(((uintptr_t)top & ~15ull) - 16);
    sp[0] = (void *)fiber_main;                 // the return address that the first switch pops
    f.stack_pointer = memset(sp - 6, 0, 48);    // six callee-saved registers
  }
}

// Every live thread waits at __syncthreads: lets them go if they wait at the same line.
bool release_barrier(Block &b, const Fiber &first) {
  b.count = 0, b.all = 1, b.any = 0;
  for (auto &f : b.fibers) {
    if (f.state != AT_BARRIER) continue;
    if (f.line != first.line)
      return !report("divergent __syncthreads(): thread %u waits at line %d, thread %u at line %d [kernel %s, block (%u,%u,%u)]",
                     unsigned(&first - b.fibers.data()), first.line, unsigned(&f - b.fibers.data()), f.line, now.kernel->name,
                     b.index.x, b.index.y, b.index.z);
    b.count += f.predicate, b.all &= f.predicate, b.any |= f.predicate;
    f.state = READY;
  }
  b.epoch++;
  return true;
}

bool report_deadlock(const Block &b) {
  report("deadlock [kernel %s, block (%u,%u,%u)]:", now.kernel->name, b.index.x, b.index.y, b.index.z);
  size_t n = strlen(now.error);
  State last = READY;
  int last_line = -1;
  for (unsigned t = 0; t < b.fibers.size() && n < 1800; t++) {
    auto &f = b.fibers[t];
    if (f.state == last && f.line == last_line) continue;
    last = f.state, last_line = f.line;
    n += snprintf(now.error + n, sizeof now.error - n, " from thread %u: %s line %d;", t, state_name[last], last_line);
  }
  return true;
}

// Runs a block until all its threads have exited (true) or every live one waits at the grid barrier (false).
bool run_block(Block &b) {
  now.block = &b;
  cur.blockIdx = b.index;
  watch_shared(b);
  unsigned threads = b.fibers.size();
  std::vector<unsigned> turn(threads);
  for (unsigned i = 0; i < threads; i++) turn[i] = order == REVERSE ? threads - 1 - i : i;
  for (;;) {
    if (order == RANDOM)
      for (unsigned i = threads; i-- > 1;) std::swap(turn[i], turn[next_random() % (i + 1)]);
    bool moved = false;
    for (unsigned t : turn) {
      Fiber &f = b.fibers[t];
      if (f.state != READY) continue;
      now.fiber = &f, now.thread = t, cur.threadIdx = f.index;
      moved = true;
      now.switches++;
      emu_switch(&scheduler_stack, f.stack_pointer);
      if (now.failed) return true;
    }
    if (moved) continue;
    unsigned waiting[DONE + 1] = {};
    const Fiber *first = nullptr;
    for (auto &f : b.fibers) {
      waiting[f.state]++;
      if (f.state != DONE && !first) first = &f;
    }
    unsigned live = threads - waiting[DONE];
    if (!live) return true;
    if (waiting[AT_GRID] == live) return false;
    if (waiting[AT_BARRIER] != live) return report_deadlock(b);
    if (!release_barrier(b, *first)) return true;
  }
}

void run_blocks_in_turn(unsigned blocks) {
  Block b;
  for (unsigned id = 0; id < blocks && !now.failed; id++) {
    start_block(b, id, 0);
    if (now.image.shared_size) memset(now.image.shared, POISON, now.image.shared_size);
    run_block(b);
  }
}

// All blocks live at once; each keeps its shared memory while others run.
void run_blocks_together(unsigned count) {
  std::vector<Block> blocks(count);
  std::vector<char> done(count);
  for (unsigned id = 0; id < count; id++) start_block(blocks[id], id, id * volume(cur.blockDim));
  size_t n = now.image.shared_size;
  for (unsigned left = count; left && !now.failed;) {
    for (unsigned id = 0; id < count && !now.failed; id++) {
      if (done[id]) continue;
      if (n) memcpy(now.image.shared, blocks[id].static_shared.data(), n);
      if (run_block(blocks[id])) done[id] = 1, left--;
      if (n) memcpy(blocks[id].static_shared.data(), now.image.shared, n);
    }
    if (left && left != count && !now.failed)
      report("deadlock: some blocks exited while others wait at grid.sync() [kernel %s]", now.kernel->name);
    now.grid_epoch++;
    for (auto &b : blocks)
      for (auto &f : b.fibers)
        if (f.state == AT_GRID) f.state = READY;
  }
}

char *guarded_stacks(size_t fibers) {
  size_t need = fibers * (STACK + GUARD);
  void *p = mmap(nullptr, need, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  for (size_t at = 0; at < need; at += STACK + GUARD) mprotect((char *)p + at, GUARD, PROT_NONE);
  return (char *)p;
}

// Guarded stacks are two mappings each, of which Linux allows a process 65,530: so the caller keeps one block of them for all
// libraries, and the many of a cooperative launch are released after it.
bool reserve_stacks(size_t fibers, char *kept, size_t kept_fibers) {
  bool fits = kept && fibers <= kept_fibers;
  now.stacks = fits ? kept : guarded_stacks(fibers);
  now.stacks_size = (fits ? kept_fibers : fibers) * (STACK + GUARD);
  return now.stacks;
}

void release_stacks(char *kept) {
  if (now.stacks != kept) munmap(now.stacks, now.stacks_size);
  now.stacks = nullptr;
  now.stacks_size = 0;
}

thread_local volatile char anchor;

void find_image() {
  anchor = 0;  // makes the loader allocate this thread's block
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *) {
        char *begin = (char *)info->dlpi_addr, *end = begin;
        size_t shared_size = 0;
        for (int i = 0; i < info->dlpi_phnum; i++) {
          auto &h = info->dlpi_phdr[i];
          if (h.p_type == PT_LOAD && begin + h.p_vaddr + h.p_memsz > end) end = begin + h.p_vaddr + h.p_memsz;
          if (h.p_type == PT_TLS) shared_size = h.p_memsz;
        }
        if ((char *)&kernels < begin || (char *)&kernels >= end) return 0;
        now.image = {begin, end, (char *)info->dlpi_tls_data, shared_size};
        return 1;
      },
      nullptr);
}

}  // namespace

// ---- what kernels call

[[noreturn]] void fail(const char *format, ...) {
  char message[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(message, sizeof message, format, list);
  va_end(list);
  report("%s [kernel %s, block (%u,%u,%u), thread (%u,%u,%u)]", message, now.kernel->name, cur.blockIdx.x, cur.blockIdx.y,
         cur.blockIdx.z, cur.threadIdx.x, cur.threadIdx.y, cur.threadIdx.z);
  to_scheduler();
  __builtin_trap();
}

int barrier(int predicate, BarrierMode mode, int line) {
  now.fiber->predicate = predicate;
  park(AT_BARRIER, line);
  return mode == COUNT ? now.block->count : mode == AND ? now.block->all : mode == OR ? now.block->any : 0;
}

void warp_exchange(unsigned mask, const void *mine, void *slots_of_32_lanes, unsigned size, int line, bool orders_memory) {
  unsigned lane = now.thread & 31, base = now.thread & ~31u, threads = now.block->fibers.size();
  Warp &w = now.block->warps[now.thread >> 5];
  auto fibers = now.block->fibers.begin() + base;
  if (threads - base < 32) mask &= (1u << (threads - base)) - 1;
  if (!(mask >> lane & 1)) fail("line %d: lane %u calls a warp function with a mask 0x%08x that does not name it", line, lane, mask);
  memcpy(w.slot[lane], mine, size);
  w.arrived |= 1u << lane;
  for (unsigned i = 0; i < 32; i++)
    if ((mask >> i & 1) && fibers[i].state == DONE) fail("line %d: warp function names lane %u, which has exited", line, i);
  if ((w.arrived & mask) == mask) {  // the last to arrive lets the others go
    w.arrived &= ~mask;
    w.epoch += orders_memory;
    for (unsigned i = 0; i < 32; i++) {
      if (!(mask >> i & 1)) continue;
      memcpy(w.snapshot[i], w.slot[i], 16);
      if (i != lane) fibers[i].state = READY;
    }
  } else {
    park(AT_WARP, line);
  }
  memcpy(slots_of_32_lanes, w.snapshot, sizeof w.snapshot);
}

void grid_barrier(int line) {
  if (!now.cooperative) fail("line %d: grid.sync() in a kernel that was not launched cooperatively", line);
  park(AT_GRID, line);
}

void note_atomic(const void *p, unsigned size) { check_access(p, size, true, true, __builtin_return_address(0)); }

void note_read(const void *p, unsigned size) { check_access(p, size, false, false, __builtin_return_address(0)); }

void async_copy(void *to, const void *from, unsigned size, unsigned zero_fill) {
  if (size != 4 && size != 8 && size != 16) fail("cp.async of %u bytes (4, 8 or 16 are allowed)", size);
  if ((uintptr_t)to % size || (uintptr_t)from % size) fail("cp.async of %u bytes to or from a misaligned address", size);
  if (zero_fill > size) fail("cp.async of %u bytes, of which %u are 0", size, zero_fill);
  // From here on the place belongs to the copy: who reads it before the copy has been waited for, or read it since the last
  // barrier, is found out.
  check_access(to, size, true, false, __builtin_return_address(0));
  forget_write(to, size);
  now.fiber->copies.back().push_back({to, from, size, zero_fill});
}

void async_commit() { now.fiber->copies.emplace_back(); }

void async_wait(unsigned groups_still_open) {
  auto &groups = now.fiber->copies;
  const void *pc = __builtin_return_address(0);
  for (; groups.size() - 1 > groups_still_open; groups.erase(groups.begin()))
    for (auto &c : groups.front()) {
      unsigned n = c.size - c.zero_fill;
      if (n) check_access(c.from, n, false, false, pc);
      check_access(c.to, c.size, true, false, pc);
      memcpy(c.to, c.from, n);
      memset((char *)c.to + n, 0, c.zero_fill);
    }
}

}  // namespace emu

// ---- what the loader calls

#pragma GCC visibility push(default)
extern "C" {

struct EmuArray {
  char *data;
  size_t size;
  unsigned grain;
  int argument;
};

const char *emu_signature(int kernel) { return emu::kernels[kernel].signature; }
const char *emu_error() { return emu::now.error; }

void emu_statistics(unsigned long *out) {
  out[0] = emu::now.switches;
  out[1] = emu::now.accesses;
  out[2] = emu::now.image.shared_size;
}

// Stacks to keep and give to launches; nullptr if there is no memory for them.
void *emu_stacks(unsigned long fibers) { return emu::guarded_stacks(fibers); }

// Returns 0, or 1 with the reason in emu_error. With arrays == nullptr nothing is checked. kept: of emu_stacks.
int emu_launch(int kernel, const unsigned *grid, const unsigned *block, unsigned dynamic_size, void **arguments, int cooperative,
               int order, unsigned long seed, const EmuArray *arrays, int array_count, void *kept, unsigned long kept_fibers) {
  using namespace emu;
  auto refuse = [](const char *reason) { return (int)report("invalid launch: %s", reason); };
  now.kernel = &kernels[kernel];
  now.arguments = arguments;
  now.cooperative = cooperative;
  now.dynamic_size = dynamic_size;
  now.checking = arrays != nullptr;
  now.failed = false;
  now.error[0] = 0;
  now.grid_epoch = 0;
  now.switches = now.accesses = 0;
  emu::order = order;
  random_state = seed * 0x9E3779B97F4A7C15ull + 1;
  cur.gridDim = {grid[0], grid[1], grid[2]};
  cur.blockDim = {block[0], block[1], block[2]};
  unsigned threads = volume(cur.blockDim), blocks = volume(cur.gridDim);
  if (!threads || !blocks) return refuse("empty grid or block");
  if (threads > 1024 || block[2] > 64) return refuse("block too large");
  if (grid[1] > 65535 || grid[2] > 65535) return refuse("grid.y and grid.z are limited to 65535");
  if (dynamic_size > SHARED_LIMIT) return refuse("more dynamic shared memory than a block can have");
  size_t fibers = size_t(threads) * (cooperative ? blocks : 1);
  if (!reserve_stacks(fibers, (char *)kept, kept_fibers)) return refuse("out of memory for thread stacks");
  find_image();
  now.regions.clear();
  now.argument_cells.assign(now.checking ? array_count : 0, {});
  for (int i = 0; now.checking && i < array_count; i++) {
    auto &a = arrays[i];
    now.argument_cells[i].resize((a.size + a.grain - 1) / a.grain);
    now.regions.push_back({a.data, a.data + a.size, a.grain, a.argument, &now.argument_cells[i]});
  }
  if (cooperative) run_blocks_together(blocks);
  else run_blocks_in_turn(blocks);
  now.fiber = nullptr;
  release_stacks((char *)kept);
  return now.failed;
}
}
