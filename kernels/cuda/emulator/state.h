// State of the launch that is running, shared by the scheduler and the checker. One launch at a time (the loader holds a lock).
#pragma once
#include "abi.h"

#include <vector>

namespace emu {

enum State : uint8_t { READY, AT_BARRIER, AT_WARP, AT_GRID, DONE };

struct Copy {
  void *to;
  const void *from;
  unsigned size, zero_fill;
};

// One CUDA thread.
struct Fiber {
  void *stack_pointer;
  State state;
  int line, predicate;
  uint3 index;
  std::vector<std::vector<Copy>> copies;  // cp.async groups; the last one is still open
};

struct Warp {
  unsigned arrived = 0, epoch = 0;
  alignas(16) unsigned char slot[32][16], snapshot[32][16];
};

// Who touched a cell last. Two accesses are ordered when a barrier (epoch), a warp operation (warp_epoch, same warp)
// or a grid barrier (grid_epoch) lies between them.
struct Access {
  uint32_t block_plus_1 = 0, epoch, grid_epoch, pc;
  uint16_t thread, warp_epoch;
  bool atomic;
};
struct Cell {
  Access write, read, other_read;  // two readers by different threads are enough to find a conflicting writer
  bool written = false;
};

// A range of memory that kernels may touch: an array argument, or static or dynamic shared memory (argument -1).
struct Region {
  char *begin, *end;
  unsigned grain;  // bytes per cell
  int argument;
  std::vector<Cell> *cells;
  bool shared() const { return argument < 0; }
};

struct Block {
  uint3 index;
  unsigned id = 0, epoch = 0;
  int count = 0, all = 1, any = 0;  // what the last __syncthreads_* saw
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<char> static_shared, dynamic;
  std::vector<Cell> static_cells, dynamic_cells;
};

// The compiled module in memory; its thread-local block is the static shared memory of the running block.
struct Image {
  char *begin, *end, *shared;
  size_t shared_size;
};

struct Launch {
  Kernel *kernel;
  void **arguments;
  bool cooperative, checking, failed;
  unsigned grid_epoch, dynamic_size;
  unsigned long switches, accesses;
  char error[2048];
  char *stacks;
  size_t stacks_size;
  Image image;
  Block *block;    // running now
  Fiber *fiber;    // null while the scheduler runs
  unsigned thread; // its index in the block
  std::vector<Region> regions;
  std::vector<std::vector<Cell>> argument_cells;
};
extern Launch now;

void check_access(const void *p, unsigned size, bool write, bool atomic, const void *pc);
void forget_write(const void *p, unsigned size);  // shared memory: as if nothing had been written there
void watch_shared(Block &block);

}  // namespace emu
