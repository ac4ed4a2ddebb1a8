// Layer, group and root-mean-square normalisation: statistics over rows that lie together in memory, one team of threads a row.
//
//   y = (x - mean) rstd weight + bias,   rstd = 1 / sqrt(variance + eps)
//
// A row is an image's group of channels of `inner` values each, groups of them an image; layer normalisation has one group, and
// its channels are single values. Two passes over the row, the second out of the cache: no cancellation in the variance.
#include "team.cuh"

// The channel of element i of a row: which weight and bias it takes.
__device__ __forceinline__ long long channel(long long row, long long i, long long n, long long inner, long long groups) {
  if (inner == 1 && groups == 1) return i;
  return (row - quotient(row, groups) * groups) * quotient(n, inner) + quotient(i, inner);
}

template <class Team>
__device__ void norm_rows_of(const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd, long long rows, long long n,
                             long long inner, long long groups, ACC eps) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const T* from = x + row * n;
    const ACC count = n > 0 ? n : 1;
    ACC sum = 0, squares = 0;
    for (long long i = member<Team>(); i < n; i += Team::size) sum += ACC(from[i]);
    const ACC centre = Team::template reduce<Add>(sum) / count;
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const ACC far = ACC(from[i]) - centre;
      squares += far * far;
    }
    const ACC scale = ACC(1) / sqrt(Team::template reduce<Add>(squares) / count + eps);
    if (member<Team>() == 0) {
      mean[row] = T(centre);
      rstd[row] = T(scale);
    }
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const long long c = channel(row, i, n, inner, groups);
      ACC value = (ACC(from[i]) - centre) * scale;
      if (weight) value *= ACC(weight[c]);
      if (bias) value += ACC(bias[c]);
      y[row * n + i] = T(value);
    }
  }
}
KERNEL(norm_rows, 256)(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ y,
                       T* __restrict__ mean, T* __restrict__ rstd, long long rows, long long n, long long inner,
                       long long groups, ACC eps, int members) {
  BY_TEAM(members, norm_rows_of, x, weight, bias, y, mean, rstd, rows, n, inner, groups, eps);
}

// gx = rstd (g - mean of g - y mean of g y), g = gy weight and y = (x - mean) rstd: what changes mean or variance is taken out.
template <class Team>
__device__ void norm_rows_grad_of(const T* gy, const T* x, const T* weight, const T* mean, const T* rstd, T* gx, long long rows,
                                  long long n, long long inner, long long groups) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const ACC centre = ACC(mean[row]), scale = ACC(rstd[row]), count = n > 0 ? n : 1;
    const long long begin = row * n;
    ACC sum = 0, sum_y = 0;
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const ACC g = ACC(gy[begin + i]) * (weight ? ACC(weight[channel(row, i, n, inner, groups)]) : ACC(1));
      sum += g;
      sum_y += g * ((ACC(x[begin + i]) - centre) * scale);
    }
    sum = Team::template reduce<Add>(sum) / count;
    sum_y = Team::template reduce<Add>(sum_y) / count;
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const ACC g = ACC(gy[begin + i]) * (weight ? ACC(weight[channel(row, i, n, inner, groups)]) : ACC(1));
      gx[begin + i] = T(scale * (g - sum - (ACC(x[begin + i]) - centre) * scale * sum_y));
    }
  }
}
KERNEL(norm_rows_grad, 256)(const T* __restrict__ gy, const T* __restrict__ x, const T* __restrict__ weight,
                            const T* __restrict__ mean, const T* __restrict__ rstd, T* __restrict__ gx, long long rows,
                            long long n, long long inner, long long groups, int members) {
  BY_TEAM(members, norm_rows_grad_of, gy, x, weight, mean, rstd, gx, rows, n, inner, groups);
}

// y = x rstd weight,   rstd = 1 / sqrt(mean of x x + eps)
template <class Team>
__device__ void rms_rows_of(const T* x, const T* weight, T* y, T* rstd, long long rows, long long n, ACC eps) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const T* from = x + row * n;
    ACC squares = 0;
    for (long long i = member<Team>(); i < n; i += Team::size) squares += ACC(from[i]) * ACC(from[i]);
    const ACC scale = ACC(1) / sqrt(Team::template reduce<Add>(squares) / ACC(n > 0 ? n : 1) + eps);
    if (member<Team>() == 0) rstd[row] = T(scale);
    for (long long i = member<Team>(); i < n; i += Team::size)
      y[row * n + i] = T(ACC(from[i]) * scale * (weight ? ACC(weight[i]) : ACC(1)));
  }
}
KERNEL(rms_rows, 256)(const T* __restrict__ x, const T* __restrict__ weight, T* __restrict__ y, T* __restrict__ rstd,
                      long long rows, long long n, ACC eps, int members) {
  BY_TEAM(members, rms_rows_of, x, weight, y, rstd, rows, n, eps);
}

// gx = rstd (g - y mean of g y), g = gy weight and y = x rstd.
template <class Team>
__device__ void rms_rows_grad_of(const T* gy, const T* x, const T* weight, const T* rstd, T* gx, long long rows, long long n) {
  for (long long row = first_row<Team>(); row < rows; row += rows_step<Team>()) {
    const long long begin = row * n;
    const ACC scale = ACC(rstd[row]);
    ACC sum = 0;
    for (long long i = member<Team>(); i < n; i += Team::size)
      sum += ACC(gy[begin + i]) * (weight ? ACC(weight[i]) : ACC(1)) * (ACC(x[begin + i]) * scale);
    sum = Team::template reduce<Add>(sum) / ACC(n > 0 ? n : 1);
    for (long long i = member<Team>(); i < n; i += Team::size) {
      const ACC g = ACC(gy[begin + i]) * (weight ? ACC(weight[i]) : ACC(1));
      gx[begin + i] = T(scale * (g - ACC(x[begin + i]) * scale * sum));
    }
  }
}
KERNEL(rms_rows_grad, 256)(const T* __restrict__ gy, const T* __restrict__ x, const T* __restrict__ weight,
                           const T* __restrict__ rstd, T* __restrict__ gx, long long rows, long long n, int members) {
  BY_TEAM(members, rms_rows_grad_of, gy, x, weight, rstd, gx, rows, n);
}
