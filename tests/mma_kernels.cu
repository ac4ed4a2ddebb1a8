// One warp for each function of mma.cuh, with bugs that BUG plants; mma.cuh itself is put in front.

typedef unsigned short ushort_t;

// d (16 x 8) = a (16 x 8 words) b (8 columns x 8 words), words being read as KIND says.
#define TILE(name, product)                                                                                        \
  extern "C" __global__ void name(const unsigned* a, const unsigned* b, float* d) {                                \
    const int row = threadIdx.x / 4, t = threadIdx.x % 4;                                                          \
    const unsigned fa[4] = {a[row * 8 + t], a[(row + 8) * 8 + t], a[row * 8 + t + 4], a[(row + 8) * 8 + t + 4]};   \
    const unsigned fb[2] = {b[row * 8 + t], b[row * 8 + t + 4]};                                                   \
    float fd[4] = {};                                                                                              \
    product(fd, fa, fb);                                                                                           \
    for (int i = 0; i < 4; i++) d[(row + i / 2 * 8) * 8 + 2 * t + i % 2] = fd[i];                                  \
  }
TILE(tile_tf32, mma_tf32)
TILE(tile_f16, mma_f16)
TILE(tile_bf16, mma_bf16)

extern "C" __global__ void rounded(const float* x, unsigned* tf32, unsigned* f16, unsigned* bf16) {
  const int i = threadIdx.x;
  tf32[i] = to_tf32(x[i]);
  f16[i] = pack_f16(x[i], x[(i + 1) % 32]);
  bf16[i] = pack_bf16(x[i], x[(i + 1) % 32]);
}

// A matrix of 32 x 8 16-bit numbers: its four parts as registers r[m][lane], as they lie and transposed. 1 forgets the barrier.
extern "C" __global__ void matrices(const unsigned* x, unsigned* plain, unsigned* transposed) {
  __shared__ __align__(16) unsigned s[32 * 4];
  const int lane = threadIdx.x;
  for (int i = lane; i < 32 * 4; i += 32) s[i] = x[i];
  if (BUG != 1) __syncwarp();
  unsigned r[4];
  load_matrices(r, s + 4 * lane);
  for (int m = 0; m < 4; m++) plain[m * 32 + lane] = r[m];
  load_matrices_transposed(r, s + 4 * lane);
  for (int m = 0; m < 4; m++) transposed[m * 32 + lane] = r[m];
}

// y = x reversed in each row of 64 numbers, rows of which only `valid` numbers exist, with two rows under way.
// 1 waits for a group too few; 2 begins the copy into a place that others still read.
extern "C" __global__ void reverse(const float* x, float* y, int rows, int valid) {
  __shared__ __align__(16) float s[3][64];
  const int t = threadIdx.x;
  auto fetch = [&](int row) {
    if (row < rows && t < 16) {
      const int left = valid - 4 * t;
      copy_async<16>(&s[row % 3][4 * t], x + row * 64 + (left > 0 ? 4 * t : 0), left <= 0 ? 0 : left < 4 ? 4 * left : 16);
    }
    copies_commit();
  };
  fetch(0);
  fetch(1);
  for (int row = 0; row < rows; row++) {
    copies_wait<BUG == 1 ? 2 : 1>();
    if (BUG == 2) fetch(row + 2);
    __syncthreads();
    if (BUG != 2) fetch(row + 2);
    y[row * 64 + t] = s[row % 3][63 - t];
  }
}
