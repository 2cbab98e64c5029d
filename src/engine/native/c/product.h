/*
 * Single-thread f32 matrix product for small and medium matrices, for the C code that the native engine generates.
 *
 * A register tile of up to ROWS x PANEL sums runs along k over a block of B that stays in the L2 cache. A is read where it
 * lies, one element at a time, whichever way round it is; so is a B with contiguous rows, unless there is enough work to
 * make up for packing it. A B with contiguous columns is transposed into panels of PANEL columns.
 *
 * Every C[i][j] is summed in an order that follows from k and from which of A's strides is 1, so that a product split by
 * rows or by columns among threads gives the same bits. Vector extensions of GCC and clang alone are used: one source for
 * AVX-512, AVX2, SSE2 and NEON.
 */
#ifndef NATIVE_PRODUCT_H
#define NATIVE_PRODUCT_H

#include <string.h>

/* ROWS * VECTORS sums, VECTORS of B and one of A or more have to fit the registers: 32 with AVX-512 and NEON, else 16. */
#if defined(__AVX512F__)
#define LANES 16
#define ROWS 14
#elif defined(__AVX__)
#define LANES 8
#define ROWS 6
#elif defined(__aarch64__)
#define LANES 4
#define ROWS 10
#else
#define LANES 4
#define ROWS 6
#endif
#define VECTORS 2
#define PANEL (LANES * VECTORS)
#define LINE 16 /* floats of a cache line */

#define BLOCK (64 * 1024) /* floats of B: L2 is for A and C as well */
/* Steps along k before a tile goes to C. Where A's columns are contiguous each step is in other cache lines, and those of a
   tile have to stay in L1 while it goes from panel to panel. */
#define DEEPEST_BY_ROWS 512
#define DEEPEST_BY_COLUMNS 256
#define IN_PLACE_ROWS 512 /* up to so many rows, packing B costs as much as it wins or more */
#define EIGHT 8
#define PRODUCT_SCRATCH (BLOCK + EIGHT * DEEPEST_BY_COLUMNS + 2 * ROWS * PANEL)

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int vi __attribute__((vector_size(4 * LANES)));

enum triangle { WHOLE, LOWER_A, UPPER_A, LOWER_C };

/* Compiled once and linked to every step: PRODUCT_APART is for a step, PRODUCT_SHARED for the file that has it alone. */
#ifdef PRODUCT_APART
void product(int m, int n, int k, float alpha, const float *a, long a_row, long a_col, const float *b, long b_row,
             long b_col, float *c, long c_row, const float *start, long start_row, enum triangle triangle, int origin,
             float *scratch);
#else

INLINE vf load(const float *p) { vf v; memcpy(&v, p, sizeof v); return v; }
INLINE void save(float *p, vf v) { memcpy(p, &v, sizeof v); }
INLINE int least(int x, int y) { return x < y ? x : y; }
INLINE int most(int x, int y) { return x > y ? x : y; }
INLINE int round_up(int x, int unit) { return (x + unit - 1) / unit * unit; }

/* ---- A tile: c = alpha * (rows of a times a panel of b) + start ---- */

/* `ahead` is where to bring rows of C into the cache from meanwhile, as far apart as those of c. */
#define TILE_PARAMETERS int k, float alpha, const float *a, long a_row, long a_col, const float *b, long b_row, \
                        float *c, long c_row, const float *start, long start_row, const float *ahead
#define TILE_ARGUMENTS k, alpha, a, a_row, a_col, b, b_row, c, c_row, start, start_row, ahead

/* For constant rows and vectors, so that the sums are registers. */
INLINE void tile(const int rows, const int vectors, TILE_PARAMETERS) {
  vf sum[ROWS][VECTORS];
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int v = 0; v < vectors; v++) {
      sum[i][v] = (vf){0};
      __builtin_prefetch(ahead + i * c_row + v * LANES, 1);
    }
  /* A pointer for three rows: addressing modes have room for once and twice a stride, and registers run out at 14. */
  const float *row[(ROWS + 2) / 3];
  UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] = a + i * a_row;
  for (int p = 0; p < k; p++) {
    vf right[VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) right[v] = load(b + v * LANES);
    UNROLL for (int i = 0; i < rows; i++) {
      float left = row[i / 3][i % 3 * a_row];
      UNROLL for (int v = 0; v < vectors; v++) sum[i][v] += left * right[v];
    }
    UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += a_col;
    b += b_row;
  }
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int v = 0; v < vectors; v++) save(c + v * LANES, alpha * sum[i][v] + load(start + v * LANES));
    c += c_row;
    start += start_row;
  }
}

#if ROWS == 6
#define EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6)
#elif ROWS == 10
#define EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10)
#else
#define EACH_HEIGHT(f) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14)
#endif
#define TILE(rows) \
  static void tile_##rows##_1(TILE_PARAMETERS) { tile(rows, 1, TILE_ARGUMENTS); } \
  static void tile_##rows##_2(TILE_PARAMETERS) { tile(rows, 2, TILE_ARGUMENTS); }
#define TILE_NAMES(rows) { tile_##rows##_1, tile_##rows##_2 },
EACH_HEIGHT(TILE)
static void (*const tiles[ROWS][VECTORS])(TILE_PARAMETERS) = { EACH_HEIGHT(TILE_NAMES) };

/* ---- Moving operands ---- */

/* For a few columns: eights are moved at once, as a call of memcpy would take longer than a row. */
static void copy(int rows, int columns, const float *from, long from_row, float *to, long to_row) {
  for (int i = 0; i < rows; i++, from += from_row, to += to_row) {
    int x = 0;
    for (; x + EIGHT <= columns; x += EIGHT) memcpy(to + x, from + x, EIGHT * sizeof *to);
    for (; x < columns; x++) to[x] = from[x];
  }
}

/* Packs depth x width of a B with contiguous rows; the last panel is filled up with zeros to a whole vector. */
static void pack_rows(int depth, int width, const float *b, long b_row, float *packed) {
  for (int j = 0; j < width; j += PANEL, packed += depth * PANEL) {
    int columns = least(PANEL, width - j);
    if (columns % LANES != 0)
      for (int p = 0; p < depth; p++) save(packed + p * PANEL + columns / LANES * LANES, (vf){0});
    copy(depth, columns, b + j, b_row, packed, PANEL);
  }
}

/* A square of LANES x LANES is transposed by swapping the off-diagonal quarters of the squares of 2 half in it, for each
   half. UPPER and LOWER are the lanes of two rows, numbered through, that make up the one and the other after that. */
#define UPPER(lane, half) ((lane) & (half) ? (lane) - (half) + LANES : (lane))
#define LOWER(lane, half) ((lane) & (half) ? (lane) + LANES : (lane) + (half))
#define FOUR_LANES(f, half, l) f(l, half), f(l + 1, half), f(l + 2, half), f(l + 3, half)
#if LANES == 16
#define EACH_LANE(f, half) FOUR_LANES(f, half, 0), FOUR_LANES(f, half, 4), FOUR_LANES(f, half, 8), FOUR_LANES(f, half, 12)
#elif LANES == 8
#define EACH_LANE(f, half) FOUR_LANES(f, half, 0), FOUR_LANES(f, half, 4)
#else
#define EACH_LANE(f, half) FOUR_LANES(f, half, 0)
#endif
#ifdef __clang__
#define SHUFFLE(x, y, f, half) __builtin_shufflevector(x, y, EACH_LANE(f, half))
#else
#define SHUFFLE(x, y, f, half) __builtin_shuffle(x, y, (vi){ EACH_LANE(f, half) })
#endif
#define SWAP_QUARTERS(half) \
  UNROLL for (int i = 0; i < LANES; i++) if (!(i & (half))) { \
    vf upper = SHUFFLE(x[i], x[i + (half)], UPPER, half), lower = SHUFFLE(x[i], x[i + (half)], LOWER, half); \
    x[i] = upper; \
    x[i + (half)] = lower; \
  }

INLINE void transpose(const float *from, long from_row, float *to) {
  vf x[LANES];
  UNROLL for (int i = 0; i < LANES; i++) x[i] = load(from + i * from_row);
#if LANES > 8
  SWAP_QUARTERS(8)
#endif
#if LANES > 4
  SWAP_QUARTERS(4)
#endif
  SWAP_QUARTERS(2)
  SWAP_QUARTERS(1)
  UNROLL for (int i = 0; i < LANES; i++) save(to + i * PANEL, x[i]);
}

/* The like of pack_rows for a B with contiguous columns. */
static void pack_columns(int depth, int width, const float *b, long b_col, float *packed) {
  for (int j = 0; j < width; j += LANES) {
    int columns = least(LANES, width - j), p = 0;
    const float *from = b + j * b_col;
    float *to = packed + j / PANEL * depth * PANEL + j % PANEL;
    if (columns == LANES)
      for (; p + LANES <= depth; p += LANES) transpose(from + p, b_col, to + p * PANEL);
    for (; p < depth; p++)
      for (int x = 0; x < LANES; x++) to[p * PANEL + x] = x < columns ? from[x * b_col + p] : 0;
  }
}

/* Inlined, or GCC takes it for a function without effect. */
INLINE void prefetch(const float *a, long a_row, long a_col, int rows, int depth) {
  if (a_col == 1)
    for (int i = 0; i < rows; i++)
      for (int p = 0; p < depth; p += LINE) __builtin_prefetch(a + i * a_row + p);
  else
    for (int p = 0; p < depth; p++) __builtin_prefetch(a + p * a_col + rows - 1);
}

/* ---- The product ---- */

/* What stands for a start of NULL. */
static const float no_start[PANEL];

#ifdef __clang__
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY __attribute__((noinline, noclone)) /* or each call with other constants may get code of its own */
#endif

/*
 * C[i][j] = alpha * sum over p of A[i][p] B[p][j] + start[i][j], i < m, j < n, p < k.
 * A[i][p] = a[i * a_row + p * a_col] and B[p][j] = b[p * b_row + j * b_col]: of each pair of strides one is 1.
 * C[i][j] = c[i * c_row + j]. start[i][j] = start[i * start_row + j]; NULL is zeros; start_row 0 is one row for all.
 * start may be c itself. c does not overlap a or b.
 * triangle: LOWER_A: A[i][p] is exactly 0 for p > i + origin; UPPER_A: for p < i + origin; that work is skipped.
 * LOWER_C: C[i][j] is needed only for j <= i + origin; elsewhere it becomes either the right value or 0.
 * origin: number of the first row within the triangle, for a call that does some of the rows.
 * scratch: at least PRODUCT_SCRATCH floats, 64-byte aligned.
 */
#ifndef PRODUCT_SHARED
static
#endif
ONE_COPY void product(int m, int n, int k, float alpha, const float *a, long a_row, long a_col,
                             const float *b, long b_row, long b_col, float *c, long c_row,
                             const float *start, long start_row, enum triangle triangle, int origin, float *scratch) {
  float *a_copy = scratch + BLOCK, *edge_c = a_copy + EIGHT * DEEPEST_BY_COLUMNS, *edge_start = edge_c + ROWS * PANEL;
  /* Low tiles use a small part of a cache line of columns far apart, and would fetch the line again for each panel. */
  int copies_a = a_col >= 512 && n > PANEL && ROWS < EIGHT;
  int deepest = a_col == 1 ? DEEPEST_BY_ROWS : DEEPEST_BY_COLUMNS, block_count = (k + deepest - 1) / deepest;
  int full_depth = round_up((k + block_count - 1) / block_count, LANES), full_width = BLOCK / full_depth / PANEL * PANEL;
  for (int j0 = 0; j0 < n; j0 += full_width) {
    int width = least(full_width, n - j0), in_place = b_col == 1 && width % LANES == 0 && m <= IN_PLACE_ROWS;
    int packed_width = triangle == LOWER_C ? most(0, least(width, round_up(m + origin - j0, LANES))) : width;
    for (int p0 = 0; p0 < k; p0 += full_depth) {
      int depth = least(full_depth, k - p0);
      const float *b_block = b + p0 * b_row + j0 * b_col, *start_block = p0 ? c : start;
      long start_block_row = p0 ? c_row : start_row;
      if (b_col != 1) pack_columns(depth, packed_width, b_block, b_col, scratch);
      else if (!in_place) pack_rows(depth, packed_width, b_block, b_row, scratch);

      int rows;
      for (int i0 = 0, tiles_left = (m + ROWS - 1) / ROWS; i0 < m; i0 += rows, tiles_left--) {
        rows = (m - i0 + tiles_left - 1) / tiles_left;
        int first = 0, last = depth, needed = width;
        if (triangle == LOWER_A) last = most(0, least(depth, i0 + rows + origin - p0));
        if (triangle == UPPER_A) first = least(depth, most(0, i0 + origin - p0));
        if (triangle == LOWER_C) needed = most(0, least(width, round_up(i0 + rows + origin - j0, LANES)));
        if (first >= last && p0) continue;

        const float *a_tile = a + i0 * a_row + (p0 + first) * a_col;
        long tile_row = a_row, tile_col = a_col;
        float *c_tile = c + i0 * c_row + j0;
        /* The tiles of small triangles are too short for the processor to see where they go. */
        if ((triangle == LOWER_A || triangle == UPPER_A) && tiles_left > 1)
          prefetch(a_tile + rows * a_row, a_row, a_col, least(rows, m - i0 - rows), least(last + rows, depth) - first);
        long ahead = tiles_left > 1 && depth <= 64 ? rows * c_row : 0;
        if (copies_a) {
          copy(last - first, i0 + EIGHT <= m ? EIGHT : rows, a_tile, a_col, a_copy, EIGHT);
          a_tile = a_copy;
          tile_row = 1;
          tile_col = EIGHT;
        }

        for (int j = 0; j < needed; j += PANEL) {
          int columns = least(PANEL, needed - j), vectors = (columns + LANES - 1) / LANES;
          const float *b_tile = in_place ? b_block + first * b_row + j : scratch + j * depth + first * PANEL;
          const float *start_tile = start_block ? start_block + i0 * start_block_row + j0 + j : no_start;
          long b_tile_row = in_place ? b_row : PANEL, start_tile_row = start_block ? start_block_row : 0;
          if (columns % LANES == 0 && (rows > 1 || vectors > 1)) {
            tiles[rows - 1][vectors - 1](last - first, alpha, a_tile, tile_row, tile_col, b_tile, b_tile_row,
                                         c_tile + j, c_row, start_tile, start_tile_row, c_tile + j + ahead);
            continue;
          }
          /* Part of a vector goes by way of scratch. A lone row is done twice: for some processors GCC makes no fused
             multiply-add of a single chain of sums, and the bits would differ. */
          int height = rows == 1 ? 2 : rows;
          if (start_block) {
            copy(rows, columns, start_tile, start_tile_row, edge_start, PANEL);
            start_tile = edge_start;
            start_tile_row = PANEL;
          }
          tiles[height - 1][vectors - 1](last - first, alpha, a_tile, rows == 1 ? 0 : tile_row, tile_col, b_tile, b_tile_row,
                                         edge_c, PANEL, start_tile, start_tile_row, edge_c);
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
#endif
