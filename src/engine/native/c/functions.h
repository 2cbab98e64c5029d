/*
 * Elementary functions on f32 for the C code that the native engine generates. Each is plain scalar C without branches,
 * so that a compiler turns a loop over it into vector code, where the C library's would be a call for every element.
 *
 * Meant for -O2 -ftree-vectorize -fno-math-errno -fno-trapping-math, and not for -ffast-math: NaN and infinities come out right, and the
 * roundings lean on the order of operations as written. The rounding mode has to be to nearest, as it is at the start.
 *
 * Errors are in units in the last place (ulp) of the result, the largest over all 2^32 floats against the C library in
 * double. Coefficients are Remez fits made for this file, weighted by the error of the result, then rounded to f32.
 */
#ifndef NATIVE_FUNCTIONS_H
#define NATIVE_FUNCTIONS_H

#define FN static inline __attribute__((always_inline, unused))

/* a * b + c rounded once. Without the instruction, fmaf is a slow call; the product of two floats is exact in double, so
   that rounding the sum twice differs from rounding it once about one time in 2^29, and that vectorises. */
#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__AVX512F__) || defined(__aarch64__)
FN float fn_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
FN float fn_fma(float a, float b, float c) { return (float)((double)a * b + c); }
#endif

FN unsigned fn_bits(float x) {
  unsigned bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}
FN float fn_float(unsigned bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}
FN float fn_abs(float x) { return fn_float(fn_bits(x) & 0x7fffffffu); }
FN float fn_with_sign(float magnitude, float sign) { return fn_float(fn_bits(magnitude) | (fn_bits(sign) & 0x80000000u)); }

/* ---- Exponential and what is made from it ---- */

/* x = n ln 2 + r, n the whole number nearest to x / ln 2: returns r, and in the low 9 bits of *biased n + bias. Adding
   1.5 2^23 leaves no room for a fraction, so it rounds, and n lies in the low bits of the sum. ln 2 is in two floats. */
FN float fn_exp_reduce(float x, int bias, unsigned *biased) {
  float round = 0x1.8p23f + (float)bias;
  float shifted = fn_fma(x, 0x1.715476p+0f, round);
  float n = shifted - round;
  *biased = fn_bits(shifted);
  return fn_fma(n, 0x1.05c610p-29f, fn_fma(n, -0x1.62e430p-1f, x));
}
/* e^r for |r| <= ln 2 / 2, fitted so that e^r - 1 is within 2^-29.8 of itself. */
FN float fn_exp_reduced(float r) {
  float p = 0x1.9f5ac8p-13f;
  p = fn_fma(p, r, 0x1.6d878ep-10f);
  p = fn_fma(p, r, 0x1.111276p-7f);
  p = fn_fma(p, r, 0x1.5554b4p-5f);
  p = fn_fma(p, r, 0x1.555554p-3f);
  p = fn_fma(p, r, 0.5f);
  p = fn_fma(p, r, 1.0f);
  return fn_fma(p, r, 1.0f);
}
/* 2^n from n + 127; the shift drops what lies above the low 9 bits. */
FN float fn_power_of_2(unsigned biased) { return fn_float(biased << 23); }

/* e^x for x from -104 to 89, and outside it any value, or NaN. The scale is in two factors, as 2^n itself may lie beyond
   the normal floats; a denormal result is so rounded once. */
FN float fn_exp_within(float x) {
  unsigned biased;
  float r = fn_exp_reduce(x, 2 * 127, &biased);
  unsigned half = biased >> 1;
  return fn_exp_reduced(r) * fn_power_of_2(half) * fn_power_of_2(biased - half);
}

/* e^x: 2^n times a polynomial of degree 7; 0.87 ulp, denormal results too. The ends are set last, not x clamped first:
   GCC makes two clamps of one value into three nested masks, which took a third longer. */
FN float exp_f(float x) {
  float y = fn_exp_within(x);
  y = x > 89.0f ? __builtin_inff() : y;
  return x < -104.0f ? 0.0f : y;
}

/* 1 / (1 + e^-x) through t = e^-|x| / (1 + e^-|x|), as 1 - t or as e^-|x| (1 - t), for rounding 1 + e^-|x| then counts
   for little where that is near 1; 1.62 ulp, denormal results too. */
FN float sigmoid_f(float x) {
  float a = fn_abs(x);
  float e = fn_exp_within(-a);
  e = a > 104.0f ? 0.0f : e;
  float t = e / (1.0f + e);
  float c = x > 0.0f ? 1.0f : e;
  return fn_fma(-c, t, c);
}

/* An odd polynomial of degree 11 below 0.6, 1 - 2 / (e^2|x| + 1) above; 1.44 ulp. */
FN float tanh_f(float x) {
  float a = fn_abs(x);
  float s = a * a;
  float p = -0x1.828776p-8f;
  p = fn_fma(p, s, 0x1.54c3c2p-6f);
  p = fn_fma(p, s, -0x1.b89abap-5f);
  p = fn_fma(p, s, 0x1.1109bep-3f);
  p = fn_fma(p, s, -0x1.55553ep-2f);
  float small = fn_fma(p * s, a, a);
  unsigned biased;
  float r = fn_exp_reduce(a + a, 127, &biased);
  float e = fn_exp_reduced(r) * fn_power_of_2(biased);
  float large = 1.0f - 2.0f / (e + 1.0f);
  large = a > 9.1f ? 1.0f : large;
  return fn_with_sign(a < 0.6f ? small : large, x);
}

/* An odd polynomial of degree 15 below 1, 1 - e^q above with q a polynomial of degree 6 for log(erfc |x|), which is
   smooth; 1.10 ulp. */
FN float erf_f(float x) {
  float a = fn_abs(x);
  a = a > 4.0f ? 4.0f : a;
  float s = a * a;
  float p = 0x1.4771fep-14f;
  p = fn_fma(p, s, -0x1.a3515ep-11f);
  p = fn_fma(p, s, 0x1.53f224p-8f);
  p = fn_fma(p, s, -0x1.b7f71ap-6f);
  p = fn_fma(p, s, 0x1.ce2ce6p-4f);
  p = fn_fma(p, s, -0x1.81273ep-2f);
  p = fn_fma(p, s, 0x1.06eba8p-3f);
  float small = fn_fma(p, a, a);
  float q = 0x1.86dc18p-13f;
  q = fn_fma(q, a, -0x1.825a2ap-9f);
  q = fn_fma(q, a, 0x1.65cb1ap-6f);
  q = fn_fma(q, a, -0x1.a6531ap-4f);
  q = fn_fma(q, a, -0x1.46baf0p-1f);
  q = fn_fma(q, a, -0x1.2088eap+0f);
  q = fn_fma(q, a, -0x1.661d38p-12f);
  unsigned biased;
  float r = fn_exp_reduce(q, 127, &biased);
  float large = fn_fma(-fn_exp_reduced(r), fn_power_of_2(biased), 1.0f);
  return fn_with_sign(a < 1.0f ? small : large, x);
}

/* ---- Logarithm and what is made from it ---- */

/* log(1 + f) for |f| <= 1/3: f - f^2 / 2 and a polynomial of degree 10 in all, within 2^-27.4. */
FN float fn_log1p_reduced(float f) {
  float p = -0x1.080590p-3f;
  p = fn_fma(p, f, 0x1.1e66bap-3f);
  p = fn_fma(p, f, -0x1.f3113cp-4f);
  p = fn_fma(p, f, 0x1.1ed718p-3f);
  p = fn_fma(p, f, -0x1.559dccp-3f);
  p = fn_fma(p, f, 0x1.99d028p-3f);
  p = fn_fma(p, f, -0x1.fffef0p-3f);
  p = fn_fma(p, f, 0x1.555506p-2f);
  p = fn_fma(p, f, -0.5f);
  return fn_fma(p, f * f, f);
}

/* log x with x = 2^e (1 + f), 1 + f from 2/3 to 4/3; 0.95 ulp, denormal x too, which are scaled up first. The exponent e
   stays where it lies in the bits of a float, so that it counts 2^23-fold. */
FN float log_f(float x) {
  float up = x < 0x1p-126f ? 0x1p23f : 1.0f;
  unsigned bits = fn_bits(x * up);
  unsigned exponent = (bits - 0x3f2aaaabu) & 0xff800000u;
  float f = fn_float(bits - exponent) - 1.0f;
  float e = (float)(int)(exponent - (fn_bits(up) - 0x3f800000u));
  float y = fn_fma(e, 0x1.62e430p-24f, fn_log1p_reduced(f));
  /* A negative x, by its sign bit, sets the bits of a NaN. */
  y = fn_float(fn_bits(y) | ((unsigned)((int)fn_bits(x) >> 31) & 0x7fc00000u));
  y = x < __builtin_inff() ? y : x;
  return x == 0.0f ? -__builtin_inff() : y;
}

/* log(1 + e^x) = max(x, 0) + log(1 + u), u = e^-|x|, with 1 + u halved where it is above 4/3; 1.98 ulp, denormal results
   too. One number says whether it is halved: with two choices made on one condition, GCC computes both logarithms. */
FN float softplus_f(float x) {
  float a = fn_abs(x);
  float u = fn_exp_within(-a);
  u = a > 104.0f ? 0.0f : u;
  float half = u > 0x1.555556p-2f ? 0.5f : 0.0f;
  float f = fn_fma(u, 1.0f - half, -half);
  float l = fn_fma(half, 0x1.62e430p+0f, fn_log1p_reduced(f));
  return l + (x < 0.0f ? 0.0f : x);
}

/* ---- Sine and cosine ---- */

/* a = n pi / 2 + r with |r| <= pi / 4: returns r, and in the low bits of *quarters n. In double with pi / 2 in two parts,
   so that it holds up to 2^50; in float it would be a tenth of a nanosecond faster, and hold up to some millions. */
FN float fn_trig_reduce(float a, unsigned *quarters) {
  double shifted = __builtin_fma((double)a, 0x1.45f306dc9c883p-1, 0x1.8p52);
  double n = shifted - 0x1.8p52;
  unsigned long long bits;
  __builtin_memcpy(&bits, &shifted, 8);
  *quarters = (unsigned)bits;
  return (float)__builtin_fma(n, -0x1.1a62633145c07p-54, __builtin_fma(n, -0x1.921fb54442d18p+0, (double)a));
}
/* sin(r + quarters pi / 2) for a reduced r: polynomials of degree 7 for the sine, 8 for the cosine, within 2^-27.8. */
FN float fn_trig(float r, unsigned quarters) {
  float s = r * r;
  float p = fn_fma(fn_fma(-0x1.991c26p-13f, s, 0x1.1106c6p-7f), s, -0x1.555544p-3f);
  float sine = fn_fma(p, r * s, r);
  float q = fn_fma(fn_fma(0x1.9b2b72p-16f, s, -0x1.6c1144p-10f), s, 0x1.555554p-5f);
  float cosine = fn_fma(fn_fma(q, s, -0.5f), s, 1.0f);
  float y = quarters & 1u ? cosine : sine;
  return fn_float(fn_bits(y) ^ ((quarters & 2u) << 30));
}
/* Beyond 2^50, where floats lie 2^27 apart, NaN, as a wrong number would pass for a right one. */
FN float fn_trig_domain(float x) {
  float a = fn_abs(x);
  return a <= 0x1p50f ? a : __builtin_nanf("");
}

/* 1.55 ulp for |x| <= 2^50; NaN beyond. */
FN float sin_f(float x) {
  unsigned quarters;
  float r = fn_trig_reduce(fn_trig_domain(x), &quarters);
  return fn_float(fn_bits(fn_trig(r, quarters)) ^ (fn_bits(x) & 0x80000000u));
}
/* 1.56 ulp for |x| <= 2^50; NaN beyond. */
FN float cos_f(float x) {
  unsigned quarters;
  float r = fn_trig_reduce(fn_trig_domain(x), &quarters);
  return fn_trig(r, quarters + 1u);
}

/* ---- The C library's: calls, one element at a time, for what is rare in a model ---- */

#define FN_LIBRARY(name) \
  FN float name##_f(float x) { return __builtin_##name##f(x); }
FN_LIBRARY(tan)
FN_LIBRARY(asin)
FN_LIBRARY(acos)
FN_LIBRARY(atan)
FN_LIBRARY(sinh)
FN_LIBRARY(cosh)
FN_LIBRARY(asinh)
FN_LIBRARY(acosh)
FN_LIBRARY(atanh)
#undef FN_LIBRARY

FN float pow_f(float x, float y) { return __builtin_powf(x, y); }
/* The remainder with the sign of x. */
FN float fmod_f(float x, float y) { return __builtin_fmodf(x, y); }

/* ---- Rounding, signs and choices: exact ---- */

/* Half to even. This and the next two are one instruction from SSE4.1 on. */
FN float round_f(float x) { return __builtin_rintf(x); }
FN float floor_f(float x) { return __builtin_floorf(x); }
FN float ceil_f(float x) { return __builtin_ceilf(x); }

/* The last choice hands on zeros and NaN. */
FN float sign_f(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }
/* Compared this way round, NaN stays (and -0). */
FN float relu_f(float x) { return x < 0.0f ? 0.0f : x; }
/* The first comparison hands on a NaN in b, the second one in a. Of zeros of either sign b is taken. */
FN float max_f(float a, float b) {
  float y = a > b ? a : b;
  return a != a ? a : y;
}
FN float min_f(float a, float b) {
  float y = a < b ? a : b;
  return a != a ? a : y;
}

/* ---- Whole numbers ---- */

/* Towards zero; 0 where b is 0; -2^31 / -1 wraps to -2^31. In double, which holds both and cannot round such a quotient up
   to the next whole number: processors have vector instructions for it, and none for the division of integers. */
FN int div_i(int a, int b) {
  double q = b == 0 ? 0.0 : (double)a / b;
  return (int)(q > 2147483647.0 ? -2147483648.0 : q);
}
/* The remainder with the sign of b; 0 where b is 0. */
FN int mod_i(int a, int b) {
  int r = (int)((unsigned)a - (unsigned)div_i(a, b) * (unsigned)b);
  r = b == 0 ? 0 : r;
  return ((r != 0) & ((r ^ b) < 0)) ? r + b : r;
}

#undef FN
#endif
