// Many tensors in one launch. A row of the table: first chunk, elements, then an address for each role (see table.py).
#pragma once

struct Chunk {  // up to CHUNK elements of one tensor
  const long long* row;
  long long begin;
  int count;
  // Where this chunk's elements lie in the tensor's array of a role.
  template <class E> __device__ __forceinline__ E* of(int role) const { return (E*)row[2 + role] + begin; }
};

__device__ __forceinline__ Chunk chunk_at(const long long* table, int tensors, int columns, long long chunk) {
  int low = 0, high = tensors - 1;  // the last row that begins at this chunk or before; rows without elements come earlier
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (table[(long long)middle * columns] <= chunk) low = middle;
    else high = middle - 1;
  }
  const long long* row = table + (long long)low * columns;
  const long long begin = (chunk - row[0]) * CHUNK, rest = row[1] - begin;
  return {row, begin, int(rest < CHUNK ? rest : CHUNK)};
}
