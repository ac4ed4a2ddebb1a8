// Softmax and cross-entropy. An array is seen as (outer, n, inner), the axis in the middle; a row is one of its outer * inner lines.
#include "team.cuh"

// Where a row begins; its elements are `inner` apart.
__device__ __forceinline__ long long row_begin(long long row, long long n, long long inner) {
  const long long outer = quotient(row, inner);
  return outer * n * inner + (row - outer * inner);
}

// top = the largest element of a row of x; returns the sum of exp(x - top), which is NaN if any element is.
template <class Team>
__device__ __forceinline__ ACC sum_of_exp(const T* x, long long n, long long inner, ACC& top) {
  top = Largest::none();
  for (long long i = member<Team>(); i < n; i += Team::size) top = Largest::of(top, ACC(x[i * inner]));
  top = Team::template reduce<Largest>(top);
  ACC sum = 0;
  for (long long i = member<Team>(); i < n; i += Team::size) sum += exp(ACC(x[i * inner]) - top);
  return Team::template reduce<Add>(sum);
}

template <class Team> __device__ void softmax_rows(const T* x, T* y, long long rows, long long n, long long inner) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const long long begin = row_begin(row, n, inner);
    ACC top;
    const ACC sum = sum_of_exp<Team>(x + begin, n, inner, top);
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const long long at = begin + i * inner;
      y[at] = T(exp(ACC(x[at]) - top) / sum);
    }
  }
}
KERNEL(softmax, 256)(const T* __restrict__ x, T* __restrict__ y, long long rows, long long n, long long inner, int members) {
  BY_TEAM(members, softmax_rows, x, y, rows, n, inner);
}

template <class Team> __device__ void log_softmax_rows(const T* x, T* y, long long rows, long long n, long long inner) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const long long begin = row_begin(row, n, inner);
    ACC top;
    const ACC log_sum = log(sum_of_exp<Team>(x + begin, n, inner, top));
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const long long at = begin + i * inner;
      y[at] = T(ACC(x[at]) - top - log_sum);
    }
  }
}
KERNEL(log_softmax, 256)(const T* __restrict__ x, T* __restrict__ y, long long rows, long long n, long long inner, int members) {
  BY_TEAM(members, log_softmax_rows, x, y, rows, n, inner);
}

// gx = y (gy - sum of gy y)
template <class Team>
__device__ void softmax_grad_rows(const T* gy, const T* y, T* gx, long long rows, long long n, long long inner) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const long long begin = row_begin(row, n, inner);
    ACC sum = 0;
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const long long at = begin + i * inner;
      sum += ACC(gy[at]) * ACC(y[at]);
    }
    sum = Team::template reduce<Add>(sum);
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const long long at = begin + i * inner;
      gx[at] = T(ACC(y[at]) * (ACC(gy[at]) - sum));
    }
  }
}
KERNEL(softmax_grad, 256)(const T* __restrict__ gy, const T* __restrict__ y, T* __restrict__ gx, long long rows, long long n,
                          long long inner, int members) {
  BY_TEAM(members, softmax_grad_rows, gy, y, gx, rows, n, inner);
}

// gx = gy - exp(y) sum of gy
template <class Team>
__device__ void log_softmax_grad_rows(const T* gy, const T* y, T* gx, long long rows, long long n, long long inner) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const long long begin = row_begin(row, n, inner);
    ACC sum = 0;
    for (long long i = member<Team>(); i < n; i += Team::size) sum += ACC(gy[begin + i * inner]);
    sum = Team::template reduce<Add>(sum);
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const long long at = begin + i * inner;
      gx[at] = T(ACC(gy[at]) - exp(ACC(y[at])) * sum);
    }
  }
}
KERNEL(log_softmax_grad, 256)(const T* __restrict__ gy, const T* __restrict__ y, T* __restrict__ gx, long long rows, long long n,
                              long long inner, int members) {
  BY_TEAM(members, log_softmax_grad_rows, gy, y, gx, rows, n, inner);
}

// loss = log(sum of exp(x)) - x at the label; NaN for a label that does not exist, since nobody looks at labels before.
// p = exp(x) / sum of exp(x), all that the gradient needs.
template <class Team>
__device__ void cross_entropy_rows(const T* logits, const long long* labels, T* loss, T* p, long long rows, long long n,
                                   long long ignored) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const T* x = logits + row * n;
    ACC top;
    const ACC sum = sum_of_exp<Team>(x, n, 1, top);
    for (long long i = member<Team>(); i < n; i += Team::size) p[row * n + i] = T(exp(ACC(x[i]) - top) / sum);
    if (member<Team>() == 0) {
      const long long label = labels[row];
      const bool exists = label >= 0 && label < n;
      // top cancels here, before it can round
      loss[row] = T(label == ignored ? ACC(0) : exists ? log(sum) - (ACC(x[label]) - top) : NOT_A_NUMBER);
    }
  }
}
KERNEL(cross_entropy, 256)(const T* __restrict__ logits, const long long* __restrict__ labels, T* __restrict__ loss,
                           T* __restrict__ p, long long rows, long long n, long long ignored, int members) {
  BY_TEAM(members, cross_entropy_rows, logits, labels, loss, p, rows, n, ignored);
}

// The mean of the losses of rows whose label counts, and how many those are; by one block, always in the same order.
KERNEL(mean_of_counted, 256)(const T* __restrict__ loss, const long long* __restrict__ labels, T* __restrict__ mean,
                             ACC* __restrict__ count, long long rows, long long ignored) {
  ACC sum = 0, counted = 0;
  for (long long row = threadIdx.x; row < rows; row += BLOCK) {
    sum += ACC(loss[row]);
    counted += ACC(labels[row] != ignored);
  }
  sum = Block::reduce<Add>(sum);
  counted = Block::reduce<Add>(counted);
  if (threadIdx.x) return;
  mean[0] = T(sum / counted);
  count[0] = counted;
}

// glogits = gloss (p - one_hot(label)), one thread an element. gloss: of each row; where they are counted, of the mean.
KERNEL(cross_entropy_grad, 256)(const T* __restrict__ gloss, const T* __restrict__ p, const ACC* __restrict__ count,
                                const long long* __restrict__ labels, T* __restrict__ glogits, long long rows, long long n,
                                long long ignored) {
  const long long threads = (long long)gridDim.x * blockDim.x;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < rows * n; i += threads) {
    const long long row = quotient(i, n), label = labels[row];
    const ACC share = ACC(p[i]), by = count ? ACC(gloss[0]) / count[0] : ACC(gloss[row]);
    glogits[i] = T(label == ignored ? ACC(0) : by * (i - row * n == label ? share - ACC(1) : share));
  }
}
