// Four numbers read at once: one instruction of 16 bytes in place of four (two for double).
#pragma once

struct __align__(16) Four { ACC at[4]; };
// from: a multiple of four numbers from the start of an array that is declared __align__(16).
__device__ __forceinline__ Four four(const ACC* from) { return *reinterpret_cast<const Four*>(from); }
