/*
 * What makes a generated training step a module of Node: memory, checks and the functions that
 * JavaScript calls: open, write, read, run, close.
 *
 * The file that includes this has defined STATE_BYTES, ARENA_BYTES, SCRATCH_FLOATS,
 * PER_STEP_COUNT, RESULT_COUNT, per_step_bytes and result_bytes, has included threads.h, and
 * defines `step` afterwards. Nothing here is a mutable global: worker threads may load the same
 * library, and one thread may have several models open.
 */
#ifndef NATIVE_ADDON_H
#define NATIVE_ADDON_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What a thread works on in one step. */
struct step {
  const char *state;
  char *next;
  char *arena;
  const char *constants;
  const char *const *per_step;
  char *const *results;
  float *scratch; /* This thread's own. */
};

static void step(const struct step *x, int thread, int threads, struct team *team);

/*
 * Node-API, declared by hand because Node's headers needn't be installed. Its binary interface is
 * stable: a library made for version 8 works in all later versions of Node.
 */
typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef enum { napi_ok } napi_status;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);
typedef void (*napi_finalize)(napi_env env, void *data, void *hint);

napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *arguments,
                             napi_value *receiver, void **data);
napi_status napi_create_function(napi_env env, const char *name, size_t name_length, napi_callback callback,
                                 void *data, napi_value *result);
napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
napi_status napi_create_external(napi_env env, void *data, napi_finalize finalize, void *hint, napi_value *result);
napi_status napi_get_value_external(napi_env env, napi_value value, void **result);
napi_status napi_get_value_double(napi_env env, napi_value value, double *result);
napi_status napi_get_array_length(napi_env env, napi_value value, uint32_t *result);
napi_status napi_get_element(napi_env env, napi_value array, uint32_t index, napi_value *result);
napi_status napi_get_typedarray_info(napi_env env, napi_value array, int *type, size_t *length, void **data,
                                     napi_value *buffer, size_t *offset);
napi_status napi_adjust_external_memory(napi_env env, int64_t change, int64_t *total);
napi_status napi_throw_error(napi_env env, const char *code, const char *message);
napi_status napi_throw_type_error(napi_env env, const char *code, const char *message);
napi_status napi_throw_range_error(napi_env env, const char *code, const char *message);

#define NODE_API_VERSION 8
#define EXPORTED __attribute__((visibility("default")))

/* Parts of a model's memory begin at multiples of this, with as much unused before and after. */
#define SLACK 64L
#define HUGE_PAGE (2L << 20)
#define HUGE_PAGES_FROM (4L << 20)
#define MOST_THREADS 1024
#define MEBIBYTE 1048576.0

/* An array of C has at least one element. */
#define ROOM(count) ((count) ? (count) : 1)

struct model {
  const void *tag;
  char *mapping; /* NULL once the model is closed. */
  size_t mapping_bytes;
  int64_t reported_bytes;
  struct team *team;
  char *constants;
  char *state;
  char *next;
  char *arena;
  char *scratch;
  /* Of the run that goes on. */
  long steps;
  const char *per_step[ROOM(PER_STEP_COUNT)];
  char *results[ROOM(RESULT_COUNT)];
};

/* Its address tells handles of this library from those of others. */
static const char model_tag = 0;

struct bytes {
  char *data;
  long count;
};

typedef napi_status throw_function(napi_env env, const char *code, const char *message);

/* Always NULL, what a function of Node-API returns after it has thrown. */
static __attribute__((format(printf, 3, 4))) napi_value fail(napi_env env, throw_function *throw_it,
                                                             const char *format, ...) {
  char message[256];
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  throw_it(env, NULL, message);
  return NULL;
}

/* The functions below that return bool have thrown where it's false. */

static bool arguments_of(napi_env env, napi_callback_info info, size_t expected, napi_value *values) {
  size_t count = expected;
  return napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok;
}

static bool open_model(napi_env env, napi_value handle, struct model **model) {
  void *data = NULL;
  if (napi_get_value_external(env, handle, &data) != napi_ok || !data || ((struct model *)data)->tag != &model_tag) {
    fail(env, napi_throw_type_error, "Not a handle that open of this library gave");
    return false;
  }
  *model = data;
  if ((*model)->mapping) return true;
  fail(env, napi_throw_error, "The model is closed");
  return false;
}

static bool whole_number(napi_env env, napi_value value, const char *name, long least, long most, long *result) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) {
    fail(env, napi_throw_type_error, "%s isn't a number", name);
    return false;
  }
  /* Written so that NaN fails too. */
  if (!(number >= (double)least && number <= (double)most) || number != (double)(long)number) {
    fail(env, napi_throw_range_error, "%s is %g, not a whole number from %ld to %ld", name, number, least, most);
    return false;
  }
  *result = (long)number;
  return true;
}

static bool bytes_of(napi_env env, napi_value array, const char *name, struct bytes *bytes) {
  /* In the order of napi_typedarray_type, from Int8Array to BigUint64Array. */
  static const char element_bytes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  int type = -1;
  size_t length = 0;
  void *data = NULL;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, NULL, NULL) != napi_ok || type < 0 ||
      type >= (int)sizeof element_bytes) {
    fail(env, napi_throw_type_error, "%s isn't a typed array", name);
    return false;
  }
  bytes->data = data;
  bytes->count = (long)length * element_bytes[type];
  return true;
}

static bool place_in_state(napi_env env, napi_value offset_value, napi_value array, long *offset, struct bytes *bytes) {
  if (!whole_number(env, offset_value, "The offset", 0, STATE_BYTES, offset)) return false;
  if (!bytes_of(env, array, "The array", bytes)) return false;
  if (bytes->count <= STATE_BYTES - *offset) return true;
  fail(env, napi_throw_range_error, "%ld bytes from offset %ld on pass the end of the state, which has %ld bytes",
       bytes->count, *offset, STATE_BYTES);
  return false;
}

/* The arrays of a run: one for each of `sizes`, as long as that for each step. */
static bool arrays_of_run(napi_env env, napi_value list, const char *kind, long steps, int count, const long *sizes,
                          struct bytes *arrays) {
  uint32_t given = 0;
  if (napi_get_array_length(env, list, &given) != napi_ok) {
    fail(env, napi_throw_type_error, "The %s arrays aren't in an array", kind);
    return false;
  }
  if (given != (uint32_t)count) {
    fail(env, napi_throw_range_error, "%u %s arrays were given, not %d", given, kind, count);
    return false;
  }
  for (int i = 0; i < count; i++) {
    char name[64];
    snprintf(name, sizeof name, "The %s array %d", kind, i);
    napi_value array;
    if (napi_get_element(env, list, (uint32_t)i, &array) != napi_ok) return false;
    if (!bytes_of(env, array, name, &arrays[i])) return false;
    long expected;
    if (__builtin_mul_overflow(steps, sizes[i], &expected) || arrays[i].count != expected) {
      fail(env, napi_throw_range_error, "%s has %ld bytes, not %ld for each of %ld steps", name, arrays[i].count,
           sizes[i], steps);
      return false;
    }
    if ((uintptr_t)arrays[i].data % sizeof(float)) {
      fail(env, napi_throw_range_error, "%s doesn't begin at a multiple of %zu bytes", name, sizeof(float));
      return false;
    }
  }
  return true;
}

static long part_bytes(long bytes) {
  return (bytes + SLACK - 1) / SLACK * SLACK + SLACK;
}

static char *take_part(char **free_memory, long bytes) {
  char *part = *free_memory;
  *free_memory += part_bytes(bytes);
  return part;
}

static void release(napi_env env, struct model *model) {
  if (!model->mapping) return;
  if (model->team) stop_team(model->team);
  munmap(model->mapping, model->mapping_bytes);
  model->mapping = NULL;
  int64_t total;
  napi_adjust_external_memory(env, -model->reported_bytes, &total);
}

static void finalize_model(napi_env env, void *data, void *hint) {
  (void)hint;
  release(env, data);
  free(data);
}

/* What each thread of the team does in one run. */
static void run_steps(void *context, int thread) {
  const struct model *model = context;
  const char *per_step[ROOM(PER_STEP_COUNT)];
  char *results[ROOM(RESULT_COUNT)];
  memcpy(per_step, model->per_step, sizeof per_step);
  memcpy(results, model->results, sizeof results);
  char *state = model->state, *next = model->next;
  struct step x = {
      .arena = model->arena,
      .constants = model->constants,
      .per_step = per_step,
      .results = results,
      .scratch = (float *)(model->scratch + thread * part_bytes(SCRATCH_FLOATS * (long)sizeof(float))),
  };
  for (long done = 0; done < model->steps; done++) {
    if (done) {
      barrier(model->team, thread);
      for (int i = 0; i < PER_STEP_COUNT; i++) per_step[i] += per_step_bytes[i];
      for (int i = 0; i < RESULT_COUNT; i++) results[i] += result_bytes[i];
    }
    x.state = state;
    x.next = next;
    step(&x, thread, model->team->threads, model->team);
    char *latest = next;
    next = state;
    state = latest;
  }
}

/* open(constants, threads): a handle, whose state is all zeros. */
static napi_value js_open(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct bytes constants;
  long threads;
  if (!arguments_of(env, info, 2, arguments) || !bytes_of(env, arguments[0], "The array of constants", &constants) ||
      !whole_number(env, arguments[1], "The number of threads", 1, MOST_THREADS, &threads)) {
    return NULL;
  }

  long scratch_bytes = part_bytes(SCRATCH_FLOATS * (long)sizeof(float));
  long bytes = SLACK + part_bytes(constants.count) + 2 * part_bytes(STATE_BYTES) + part_bytes(ARENA_BYTES) +
               threads * scratch_bytes;
  struct model *model = calloc(1, sizeof *model);
  /* Memory fresh from the system is zero, and takes no room until it's touched. */
  size_t mapping_bytes = (size_t)(bytes >= HUGE_PAGES_FROM ? bytes + HUGE_PAGE : bytes);
  char *mapping = mmap(NULL, mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!model || mapping == MAP_FAILED) {
    free(model);
    if (mapping != MAP_FAILED) munmap(mapping, mapping_bytes);
    return fail(env, napi_throw_error, "Cannot allocate memory for a model of %.1f MiB", (double)bytes / MEBIBYTE);
  }
  char *free_memory = mapping;
#ifdef MADV_HUGEPAGE
  if (bytes >= HUGE_PAGES_FROM) {
    free_memory += -(uintptr_t)mapping % HUGE_PAGE;
    madvise(free_memory, (size_t)bytes, MADV_HUGEPAGE);
  }
#endif
  free_memory += SLACK;
  model->tag = &model_tag;
  model->mapping = mapping;
  model->mapping_bytes = mapping_bytes;
  model->constants = take_part(&free_memory, constants.count);
  model->state = take_part(&free_memory, STATE_BYTES);
  model->next = take_part(&free_memory, STATE_BYTES);
  model->arena = take_part(&free_memory, ARENA_BYTES);
  model->scratch = free_memory;
  if (constants.count) memcpy(model->constants, constants.data, (size_t)constants.count);

  model->team = start_team((int)threads, run_steps, model);
  if (!model->team) {
    finalize_model(env, model, NULL);
    return fail(env, napi_throw_error, "The system doesn't let %ld threads start", threads);
  }
  napi_value handle;
  if (napi_create_external(env, model, finalize_model, NULL, &handle) != napi_ok) {
    finalize_model(env, model, NULL);
    return fail(env, napi_throw_error, "The handle of a model couldn't be made");
  }
  /* Otherwise the garbage collector sees no hurry with the handle of a large model. */
  model->reported_bytes = bytes;
  int64_t total;
  napi_adjust_external_memory(env, bytes, &total);
  return handle;
}

/* The arguments handle, offset and array as a place in the state and as many bytes; false where it has thrown. */
static bool state_and_array(napi_env env, napi_callback_info info, char **place, struct bytes *bytes) {
  napi_value arguments[3];
  struct model *model;
  long offset;
  if (!arguments_of(env, info, 3, arguments) || !open_model(env, arguments[0], &model) ||
      !place_in_state(env, arguments[1], arguments[2], &offset, bytes)) {
    return false;
  }
  *place = model->state + offset;
  return true;
}

/* write(handle, offset, array): copies the array into the state. */
static napi_value js_write(napi_env env, napi_callback_info info) {
  char *place;
  struct bytes bytes;
  if (state_and_array(env, info, &place, &bytes) && bytes.count) memcpy(place, bytes.data, (size_t)bytes.count);
  return NULL;
}

/* read(handle, offset, array): fills the array from the state. */
static napi_value js_read(napi_env env, napi_callback_info info) {
  char *place;
  struct bytes bytes;
  if (state_and_array(env, info, &place, &bytes) && bytes.count) memcpy(bytes.data, place, (size_t)bytes.count);
  return NULL;
}

/* run(handle, steps, perStep, results): trains so many steps, and returns when they are done. */
static napi_value js_run(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  struct model *model;
  long steps;
  struct bytes per_step[ROOM(PER_STEP_COUNT)], results[ROOM(RESULT_COUNT)];
  if (!arguments_of(env, info, 4, arguments) || !open_model(env, arguments[0], &model) ||
      !whole_number(env, arguments[1], "The number of steps", 0, INT32_MAX, &steps) ||
      !arrays_of_run(env, arguments[2], "per-step", steps, PER_STEP_COUNT, per_step_bytes, per_step) ||
      !arrays_of_run(env, arguments[3], "result", steps, RESULT_COUNT, result_bytes, results)) {
    return NULL;
  }
  for (int i = 0; i < PER_STEP_COUNT; i++) model->per_step[i] = per_step[i].data;
  for (int i = 0; i < RESULT_COUNT; i++) model->results[i] = results[i].data;
  model->steps = steps;
  run_team(model->team);
  if (steps % 2) {
    char *latest = model->next;
    model->next = model->state;
    model->state = latest;
  }
  return NULL;
}

/* close(handle): gives memory and threads back at once. */
static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct model *model;
  if (!arguments_of(env, info, 1, arguments) || !open_model(env, arguments[0], &model)) return NULL;
  release(env, model);
  return NULL;
}

EXPORTED int32_t node_api_module_get_api_version_v1(void) {
  return NODE_API_VERSION;
}

EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback callback;
  } functions[] = {{"open", js_open}, {"write", js_write}, {"read", js_read}, {"run", js_run}, {"close", js_close}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, strlen(functions[i].name), functions[i].callback, NULL,
                             &function) != napi_ok ||
        napi_set_named_property(env, exports, functions[i].name, function) != napi_ok) {
      return NULL;
    }
  }
  return exports;
}

#endif
