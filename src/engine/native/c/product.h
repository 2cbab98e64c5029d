/* Single-thread f32 matrix product for small and medium matrices, included by the generated C.
 *
 * A register tile of up to ROWS x PANEL sums runs over a block of A and B that fits the L2 cache. A is always read where it lies, by
 * single elements, and so is a B whose rows are contiguous; a B whose columns are contiguous is first transposed into panels of PANEL
 * columns. Every C[i][j] is summed in an order that depends on k and the strides alone, so a product split by rows among threads gives
 * the same bits. Only GCC/clang vector extensions are used: the same source serves AVX-512, AVX2, SSE2 and NEON. */
#ifndef PRODUCT_H
#define PRODUCT_H
#include <string.h>

/* ROWS * VECTORS sums, VECTORS of B and one of A fill the registers: 32 with AVX-512 and NEON, else 16. */
#if defined(__AVX512F__)
#define LANES 16
#define ROWS 14
#elif defined(__AVX__)
#define LANES 8
#define ROWS 6
#elif defined(__aarch64__)
#define LANES 4
#define ROWS 12
#else
#define LANES 4
#define ROWS 6
#endif
#define VECTORS 2
#define PANEL (LANES * VECTORS)
#define LINE 16

/* A block of B is at most BLOCK floats, to share the L2 with A and C. Deep blocks save passes over C; but where A's columns are contiguous each step
 * takes a cache line or two of its own, and the tile's must stay in L1. */
#ifndef BLOCK
#define BLOCK (64 * 1024)
#endif
#ifndef DEEP
#define DEEP 512
#endif
#ifndef SHALLOW
#define SHALLOW 256
#endif
#define PRODUCT_SCRATCH (BLOCK + 2 * ROWS * PANEL)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int vi __attribute__((vector_size(4 * LANES)));

enum triangle { WHOLE, LOWER_A, UPPER_A, LOWER_C };

INLINE vf load(const float *p) { vf v; memcpy(&v, p, sizeof v); return v; }
INLINE void save(float *p, vf v) { memcpy(p, &v, sizeof v); }
INLINE int least(int x, int y) { return x < y ? x : y; }
INLINE int most(int x, int y) { return x > y ? x : y; }
INLINE int round_up(int x, int unit) { return (x + unit - 1) / unit * unit; }

/* One tile: c = alpha * (a times a panel of b) + start. rows and vectors are constants where this is inlined. ahead are rows of C (as far
 * apart as those of c) to bring to the cache meanwhile. */
#define TILE_PARAMETERS int k, float alpha, const float *a, long a_row, long a_col, const float *b, long b_row, \
                        float *c, long c_row, const float *start, long start_row, const float *ahead
#define TILE_ARGUMENTS k, alpha, a, a_row, a_col, b, b_row, c, c_row, start, start_row, ahead
INLINE void tile(const int rows, const int vectors, TILE_PARAMETERS) {
  vf sum[ROWS][VECTORS];
  UNROLL for (int i = 0; i < rows; i++)
    for (int v = 0; v < vectors; v++) {
      sum[i][v] = (vf){0};
      __builtin_prefetch(ahead + i * c_row + v * LANES, 1);
    }
  /* One pointer for three rows: the strides 0, 1 and 2 fit into addressing modes, so that no address is computed in the loop. */
  const float *row[(ROWS + 2) / 3];
  UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] = a + i * a_row;
  for (int p = 0; p < k; p++) {
    vf right[VECTORS];
    for (int v = 0; v < vectors; v++) right[v] = load(b + v * LANES);
    UNROLL for (int i = 0; i < rows; i++) {
      float left = row[i / 3][i % 3 * a_row];
      for (int v = 0; v < vectors; v++) sum[i][v] += left * right[v];
    }
    UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += a_col;
    b += b_row;
  }
  UNROLL for (int i = 0; i < rows; i++) {
    for (int v = 0; v < vectors; v++) save(c + v * LANES, alpha * sum[i][v] + load(start + v * LANES));
    c += c_row;
    start += start_row;
  }
}

#define TILE(rows) \
  static void tile_##rows##_1(TILE_PARAMETERS) { tile(rows, 1, TILE_ARGUMENTS); } \
  static void tile_##rows##_2(TILE_PARAMETERS) { tile(rows, 2, TILE_ARGUMENTS); }
#define ENTRY(rows) { tile_##rows##_1, tile_##rows##_2 },
#if ROWS == 6
#define EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6)
#elif ROWS == 12
#define EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12)
#else
#define EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14)
#endif
EACH_HEIGHT(TILE)
static void (*const tiles[ROWS][VECTORS])(TILE_PARAMETERS) = { EACH_HEIGHT(ENTRY) };

/* Widths below PANEL: eights are moved at once, since a call of memcpy for each row would cost more than the row. */
static void copy(int rows, int columns, const float *from, long from_row, float *to, long to_row) {
  for (int i = 0; i < rows; i++, from += from_row, to += to_row) {
    int x = 0;
    for (; x + 8 <= columns; x += 8) memcpy(to + x, from + x, 8 * sizeof *to);
    for (; x < columns; x++) to[x] = from[x];
  }
}

/* Packs depth x width of B into panels of PANEL columns; the last one's missing columns are zeros up to a whole vector. */
static void pack_rows(int depth, int width, const float *b, long b_row, float *packed) {
  for (int j = 0; j < width; j += PANEL, packed += depth * PANEL) {
    int columns = least(PANEL, width - j), filled = round_up(columns, LANES);
    for (int p = 0; p < depth; p++)
      for (int x = columns / LANES * LANES; x < filled; x += LANES) save(packed + p * PANEL + x, (vf){0});
    copy(depth, columns, b + j, b_row, packed, PANEL);
  }
}

/* A round of the transposition below swaps the off-diagonal halves of squares of 2 * half; LOW and HIGH are the lanes of the two results. */
#define LOW(lane, half) ((lane) & (half) ? (lane) - (half) + LANES : (lane))
#define HIGH(lane, half) ((lane) & (half) ? (lane) + LANES : (lane) + (half))
#define FOUR(f, half, l) f(l, half), f(l + 1, half), f(l + 2, half), f(l + 3, half)
#if LANES == 16
#define EACH_LANE(f, half) FOUR(f, half, 0), FOUR(f, half, 4), FOUR(f, half, 8), FOUR(f, half, 12)
#elif LANES == 8
#define EACH_LANE(f, half) FOUR(f, half, 0), FOUR(f, half, 4)
#else
#define EACH_LANE(f, half) FOUR(f, half, 0)
#endif
#ifdef __clang__
#define SHUFFLE(x, y, f, half) __builtin_shufflevector(x, y, EACH_LANE(f, half))
#else
#define SHUFFLE(x, y, f, half) __builtin_shuffle(x, y, (vi){ EACH_LANE(f, half) })
#endif
#define ROUND(half) \
  UNROLL for (int i = 0; i < LANES; i++) if (!(i & half)) { \
    vf low = SHUFFLE(x[i], x[i + half], LOW, half), high = SHUFFLE(x[i], x[i + half], HIGH, half); \
    x[i] = low; \
    x[i + half] = high; \
  }

INLINE void transpose(const float *from, long from_row, float *to) {
  vf x[LANES];
  UNROLL for (int i = 0; i < LANES; i++) x[i] = load(from + i * from_row);
#if LANES > 8
  ROUND(8)
#endif
#if LANES > 4
  ROUND(4)
#endif
  ROUND(2)
  ROUND(1)
  UNROLL for (int i = 0; i < LANES; i++) save(to + i * PANEL, x[i]);
}

static void pack_columns(int depth, int width, const float *b, long b_col, float *packed) {
  for (int j = 0; j < width; j += LANES) {
    int columns = least(LANES, width - j), p = 0;
    const float *from = b + j * b_col;
    float *to = packed + (long)(j / PANEL) * depth * PANEL + j % PANEL;
    if (columns == LANES)
      for (; p + LANES <= depth; p += LANES) transpose(from + p, b_col, to + p * PANEL);
    for (; p < depth; p++)
      for (int x = 0; x < LANES; x++) to[p * PANEL + x] = x < columns ? from[x * b_col + p] : 0;
  }
}

/* Asks for rows x depth of A, a cache line at a time. */
static void prefetch(const float *a, long a_row, long a_col, int rows, int depth) {
  if (a_col == 1)
    for (int i = 0; i < rows; i++)
      for (int p = 0; p < depth; p += LINE) __builtin_prefetch(a + i * a_row + p);
  else
    for (int p = 0; p < depth; p++) __builtin_prefetch(a + p * a_col + rows - 1);
}

static const float zeros[PANEL];

/* C[i][j] = alpha * sum over p of A[i][p] B[p][j] + start[i][j], i < m, j < n, p < k.
 * A[i][p] = a[i * a_row + p * a_col] and B[p][j] = b[p * b_row + j * b_col]: of each pair of strides one is 1.
 * C[i][j] = c[i * c_row + j]. start[i][j] = start[i * start_row + j]; NULL is zeros; start_row 0 is one row for all (a bias).
 * start may be c itself. c does not overlap a or b.
 * triangle: LOWER_A: A[i][p] is exactly 0 for p > i + origin; UPPER_A: A[i][p] is 0 for p < i + origin; that work is skipped.
 * LOWER_C: C[i][j] is needed only for j <= i + origin; elsewhere it becomes the right value or 0.
 * origin: number of the first row within the triangle.
 * scratch: at least PRODUCT_SCRATCH floats, 64-byte aligned. */
static void product(int m, int n, int k, float alpha, const float *a, long a_row, long a_col, const float *b, long b_row, long b_col,
                    float *c, long c_row, const float *start, long start_row, enum triangle triangle, int origin, float *scratch) {
  float *edge_c = scratch + BLOCK, *edge_start = edge_c + ROWS * PANEL;
  int deepest = a_col == 1 ? DEEP : SHALLOW, blocks = (k + deepest - 1) / deepest;
  int full_depth = round_up((k + blocks - 1) / blocks, LANES), full_width = BLOCK / full_depth / PANEL * PANEL;
  for (int j0 = 0; j0 < n; j0 += full_width) {
    int width = least(full_width, n - j0), in_place = b_col == 1 && width % LANES == 0;
    int packed_width = triangle == LOWER_C ? most(0, least(width, round_up(m + origin - j0, LANES))) : width;
    for (int p0 = 0; p0 < k; p0 += full_depth) {
      int depth = least(full_depth, k - p0);
      const float *b_block = b + p0 * b_row + j0 * b_col, *s_block = p0 ? c : start;
      long s_row = p0 ? c_row : start_row;
      if (!in_place && b_col == 1) pack_rows(depth, packed_width, b_block, b_row, scratch);
      else if (!in_place) pack_columns(depth, packed_width, b_block, b_col, scratch);
      int rows;
      for (int i0 = 0, left = (m + ROWS - 1) / ROWS; i0 < m; i0 += rows, left--) {
        rows = (m - i0 + left - 1) / left;
        int first = 0, last = depth, needed = width;
        if (triangle == LOWER_A) last = most(0, least(depth, i0 + rows + origin - p0));
        if (triangle == UPPER_A) first = least(depth, most(0, i0 + origin - p0));
        if (triangle == LOWER_C) needed = most(0, least(width, round_up(i0 + rows + origin - j0, LANES)));
        if (first >= last && p0) continue;
        const float *a_tile = a + i0 * a_row + (p0 + first) * a_col;
        float *c_tile = c + i0 * c_row + j0;
        long ahead = left > 1 && depth <= 32 ? rows * c_row : 0;
        if ((triangle == LOWER_A || triangle == UPPER_A) && left > 1)
          prefetch(a_tile + rows * a_row, a_row, a_col, least(rows, m - i0 - rows), least(last + rows, depth) - first);
        for (int j = 0; j < needed; j += PANEL) {
          int columns = least(PANEL, needed - j), vectors = (columns + LANES - 1) / LANES;
          const float *b_tile = in_place ? b_block + first * b_row + j : scratch + (long)j * depth + (long)first * PANEL;
          const float *s_tile = s_block ? s_block + i0 * s_row + j0 + j : zeros;
          long b_stride = in_place ? b_row : PANEL, s_stride = s_block ? s_row : 0;
          if (columns % LANES == 0 && (rows > 1 || vectors > 1)) {
            tiles[rows - 1][vectors - 1](last - first, alpha, a_tile, a_row, a_col, b_tile, b_stride,
                                         c_tile + j, c_row, s_tile, s_stride, c_tile + j + ahead);
            continue;
          }
          /* Part of a vector: beside C. A single sum is taken twice, as GCC does a lone chain of sums without FMA, to other bits. */
          int height = rows == 1 ? 2 : rows;
          if (s_block) {
            copy(rows, columns, s_tile, s_stride, edge_start, PANEL);
            s_tile = edge_start;
            s_stride = PANEL;
          }
          tiles[height - 1][vectors - 1](last - first, alpha, a_tile, rows == 1 ? 0 : a_row, a_col, b_tile, b_stride,
                                         edge_c, PANEL, s_tile, s_stride, edge_c);
          copy(rows, columns, edge_c, PANEL, c_tile + j, c_row);
        }
        for (int i = 0; i < rows && needed < width; i++) {
          for (int j = needed; j < width; j += LINE) __builtin_prefetch(c_tile + i * c_row + j + ahead, 1);
          memset(c_tile + i * c_row + needed, 0, sizeof(float) * (size_t)(width - needed));
        }
      }
    }
  }
}
#endif
