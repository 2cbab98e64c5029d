/* Which part of n rows, columns or elements is a thread's: from FROM(n) up to TO(n). */
#ifndef NATIVE_PARTS_H
#define NATIVE_PARTS_H

#define FROM(n) ((long)(n) * thread / THREADS)
#define TO(n) ((long)(n) * (thread + 1) / THREADS)

/* The same in whole pieces, of which the last may be short. */
#define PIECES(n, piece) (((n) + (piece) - 1) / (piece))
#define UP_TO(end, n) ((end) < (n) ? (end) : (n))
#define PART_FROM(n, piece) (FROM(PIECES(n, piece)) * (piece))
#define PART_TO(n, piece) UP_TO(TO(PIECES(n, piece)) * (piece), n)

#endif
