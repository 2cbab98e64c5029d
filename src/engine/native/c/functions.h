/*
 * Elementary functions on f32 for the C code that the native engine generates. Each is plain scalar C without
 * branches, so that a compiler turns a loop over it into vector code; the C library's are calls, one element at a time.
 *
 * Meant for -O3 -fno-math-errno -fno-trapping-math, without -ffast-math: NaN and infinities come out right, and the
 * roundings below lean on the order of operations as written. The rounding mode has to be to nearest.
 *
 * Errors are in units in the last place (ulp) of the result, the largest over all 2^32 floats against the C library's
 * double functions. Coefficients without a named source are Remez fits made for this file, rounded to f32.
 */
#ifndef NATIVE_FUNCTIONS_H
#define NATIVE_FUNCTIONS_H

#define FN static inline __attribute__((always_inline, unused))

/* a * b + c rounded once. Without the instruction, fmaf is a slow call; the product of two floats is exact in double,
   so that rounding the sum twice differs from rounding it once about one time in 2^29, and it vectorises. */
#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__AVX512F__) || defined(__aarch64__)
FN float fn_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
FN float fn_fma(float a, float b, float c) { return (float)((double)a * b + c); }
#endif

FN int fn_bits(float x) {
  int i;
  __builtin_memcpy(&i, &x, 4);
  return i;
}
FN float fn_float(int i) {
  float x;
  __builtin_memcpy(&x, &i, 4);
  return x;
}

#define FN_SIGN ((int)0x80000000u)
/* Added to a float below 2^22 it rounds it to a whole number, half to even, and leaves that number in its low bits. */
#define FN_ROUND 0x1.8p23f

FN float fn_abs(float x) { return fn_float(fn_bits(x) & ~FN_SIGN); }
FN float fn_with_sign(float magnitude, float sign) { return fn_float(fn_bits(magnitude) | (fn_bits(sign) & FN_SIGN)); }
/* x = n ln 2 + r with |r| <= ln 2 / 2 for the whole number n nearest to x / ln 2: returns r, and in the low 9 bits of
   *biased n + bias, which moved left by 23 is 2^n where bias is 127. ln 2 in two floats; fma makes the first step exact. */
FN float fn_exp_reduce(float x, int bias, unsigned *biased) {
  float round = FN_ROUND + (float)bias;
  float shifted = fn_fma(x, 0x1.715476p+0f, round);
  float n = shifted - round;
  *biased = (unsigned)fn_bits(shifted);
  return fn_fma(n, 0x1.05c610p-29f, fn_fma(n, -0x1.62e430p-1f, x));
}
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
FN float fn_power_of_2(unsigned biased) { return fn_float((int)(biased << 23)); }
/* e^x for x from -104 to 89. The scale goes in two factors, as 2^n itself may lie outside the normal floats. */
FN float fn_exp_within(float x) {
  unsigned biased;
  float r = fn_exp_reduce(x, 2 * 127, &biased);
  unsigned half = biased >> 1;
  return fn_exp_reduced(r) * fn_power_of_2(half) * fn_power_of_2(biased - half);
}

FN float exp_f(float x) {
  float y = fn_exp_within(x);
  y = x > 89.0f ? __builtin_inff() : y;
  return x < -104.0f ? 0.0f : y;
}

/* log(1 + f) for f from -1/3 to 1/3. */
FN float fn_log1p_tail(float f) {
  float p = -0x1.080590p-3f;
  p = fn_fma(p, f, 0x1.1e66bap-3f);
  p = fn_fma(p, f, -0x1.f3113cp-4f);
  p = fn_fma(p, f, 0x1.1ed718p-3f);
  p = fn_fma(p, f, -0x1.559dccp-3f);
  p = fn_fma(p, f, 0x1.99d028p-3f);
  p = fn_fma(p, f, -0x1.fffef0p-3f);
  p = fn_fma(p, f, 0x1.555506p-2f);
  return fn_fma(p, f, -0.5f);
}

FN float log_f(float x) {
  float up = x < 0x1p-126f ? 0x1p23f : 1.0f;
  int bits = fn_bits(x * up);
  int exponent = (bits - 0x3f2aaaab) & (int)0xff800000u;
  float f = fn_float(bits - exponent) - 1.0f;
  float e = (float)(exponent - (fn_bits(up) - 0x3f800000));
  float y = fn_fma(e, 0x1.62e430p-24f, fn_fma(fn_log1p_tail(f), f * f, f));
  y = fn_float(fn_bits(y) | (fn_bits(x) >> 31 & 0x7fc00000));
  y = x < __builtin_inff() ? y : x;
  return x == 0.0f ? -__builtin_inff() : y;
}

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

FN float sigmoid_f(float x) {
  float a = fn_abs(x);
  float e = fn_exp_within(-a);
  e = a > 104.0f ? 0.0f : e;
  float t = e / (1.0f + e);
  float c = x > 0.0f ? 1.0f : e;
  return fn_fma(-c, t, c);
}

FN float softplus_f(float x) {
  float a = fn_abs(x);
  float u = fn_exp_within(-a);
  u = a > 104.0f ? 0.0f : u;
  float half = u > 0x1.555556p-2f ? 0.5f : 0.0f;
  float f = fn_fma(u, 1.0f - half, -half);
  float l = fn_fma(half, 0x1.62e430p+0f, fn_fma(fn_log1p_tail(f), f * f, f));
  return l + (x < 0.0f ? 0.0f : x);
}

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

/* a = n pi / 2 + r with |r| <= pi / 4: returns r, and in the low bits of *quarters n. */
FN float fn_trig_reduce(float a, int *quarters) {
  double shifted = __builtin_fma((double)a, 0x1.45f306dc9c883p-1, 0x1.8p52);
  double n = shifted - 0x1.8p52;
  long long bits;
  __builtin_memcpy(&bits, &shifted, 8);
  *quarters = (int)bits;
  return (float)__builtin_fma(n, -0x1.1a62633145c07p-54, __builtin_fma(n, -0x1.921fb54442d18p+0, (double)a));
}
/* sin(r + quarters pi / 2) for a reduced r. */
FN float fn_trig(float r, int quarters) {
  float s = r * r;
  float p = fn_fma(fn_fma(-0x1.991c26p-13f, s, 0x1.1106c6p-7f), s, -0x1.555544p-3f);
  float sine = fn_fma(p, r * s, r);
  float q = fn_fma(fn_fma(0x1.9b2b72p-16f, s, -0x1.6c1144p-10f), s, 0x1.555554p-5f);
  float cosine = fn_fma(fn_fma(q, s, -0.5f), s, 1.0f);
  float y = quarters & 1 ? cosine : sine;
  return fn_float(fn_bits(y) ^ (int)((unsigned)(quarters & 2) << 30));
}
FN float sin_f(float x) {
  int quarters;
  float a = fn_abs(x);
  float r = fn_trig_reduce(a <= 0x1p50f ? a : __builtin_nanf(""), &quarters);
  float y = fn_trig(r, quarters);
  return fn_float(fn_bits(y) ^ (fn_bits(x) & FN_SIGN));
}
FN float cos_f(float x) {
  int quarters;
  float a = fn_abs(x);
  float r = fn_trig_reduce(a <= 0x1p50f ? a : __builtin_nanf(""), &quarters);
  return fn_trig(r, quarters + 1);
}

#define FN_LIBM(name) \
  FN float name##_f(float x) { return __builtin_##name##f(x); }
FN_LIBM(tan)
FN_LIBM(asin)
FN_LIBM(acos)
FN_LIBM(atan)
FN_LIBM(sinh)
FN_LIBM(cosh)
FN_LIBM(asinh)
FN_LIBM(acosh)
FN_LIBM(atanh)
#undef FN_LIBM

FN float pow_f(float x, float y) { return __builtin_powf(x, y); }
FN float fmod_f(float x, float y) { return __builtin_fmodf(x, y); }

FN float round_f(float x) { return __builtin_rintf(x); }
FN float floor_f(float x) { return __builtin_floorf(x); }
FN float ceil_f(float x) { return __builtin_ceilf(x); }
FN float sign_f(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }
FN float relu_f(float x) { return x < 0.0f ? 0.0f : x; }
FN float max_f(float a, float b) {
  float y = a > b ? a : b;
  return a != a ? a : y;
}
FN float min_f(float a, float b) {
  float y = a < b ? a : b;
  return a != a ? a : y;
}

FN int div_i(int a, int b) {
  double q = b == 0 ? 0.0 : (double)a / b;
  return (int)(q > 2147483647.0 ? -2147483648.0 : q);
}
FN int mod_i(int a, int b) {
  int r = (int)((unsigned)a - (unsigned)div_i(a, b) * (unsigned)b);
  r = b == 0 ? 0 : r;
  return (r != 0) & ((r ^ b) < 0) ? r + b : r;
}

#undef FN
#endif
