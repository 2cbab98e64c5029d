/*
 * A fixed team of threads and its barrier, for the C that a training step is made into.
 *
 * Thread 0 is the caller; the others wait in the kernel while there is nothing to do, and have all
 * signals blocked so that Ctrl-C reaches Node's own thread.
 */
#ifndef NATIVE_THREADS_H
#define NATIVE_THREADS_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Two cache lines: processors fetch them in pairs, and Apple's have lines of 128 bytes. */
#define APART 128

/*
 * How long a thread that waits at a barrier spins before it sleeps. Waking takes several
 * microseconds, so that a short wait is better spun out. But where more threads want to run than
 * there are cores, the thread that's waited for may need this very core. So a thread whose spinning
 * was in vain too often (more than once in three waits, over some time) sleeps almost at once at
 * its next barriers, and then tries again. With three threads on two cores that makes a step a
 * third shorter, and twice as short if other processes are busy too.
 */
#define PATIENT_NANOSECONDS 30000
#define HASTY_NANOSECONDS 1000
#define DOUBTS_OF_A_WAIT_IN_VAIN 2
#define DOUBTS_TO_BE_HASTY 8
#define DOUBTS_AFTER_HASTE 4
#define HASTY_WAITS 64
#define SPINS_PER_CLOCK_READING 32

/* Threads of macOS and of musl would otherwise have far smaller stacks than those of glibc. */
#define HELPER_STACK_BYTES (2UL << 20)

struct team;

struct member {
  _Alignas(APART) struct team *team;
  int thread;
  pthread_t id;
  unsigned awaited; /* The count of arrivals that opens this thread's latest barrier. */
  int doubts;       /* Of spinning: up with each wait in vain, down with each that spun to its end. */
  int hasty_waits;  /* Still to come. */
};

struct team {
  /* Arrivals at all barriers so far. It wraps around, so that counts are compared by difference. */
  _Alignas(APART) atomic_uint arrivals;
  atomic_int sleepers;

  _Alignas(APART) pthread_mutex_t mutex;
  pthread_cond_t opened;

  _Alignas(APART) int threads;
  int stopping;
  void (*work)(void *context, int thread);
  void *context;
  struct member members[];
};

static inline void spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

static inline long long nanoseconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline int barrier_is_open(struct team *team, unsigned awaited) {
  return (int)(atomic_load(&team->arrivals) - awaited) >= 0;
}

static void sleep_until_open(struct team *team, unsigned awaited) {
  pthread_mutex_lock(&team->mutex);
  /* Counted before the arrivals are read again, and the last thread reads this after it has
     arrived: one of the two sees the other, so that no wake-up is lost. */
  atomic_fetch_add(&team->sleepers, 1);
  while (!barrier_is_open(team, awaited)) pthread_cond_wait(&team->opened, &team->mutex);
  atomic_fetch_sub(&team->sleepers, 1);
  pthread_mutex_unlock(&team->mutex);
}

static void wake_sleepers(struct team *team) {
  /* A sleeper that held the mutex before has begun to wait, one that takes it after sees that the
     barrier is open: without this, the signal could come between a sleeper's look and its wait. */
  pthread_mutex_lock(&team->mutex);
  pthread_mutex_unlock(&team->mutex);
  pthread_cond_broadcast(&team->opened);
}

/* Whether the barrier opened within that time. */
static int spin_until_open(struct team *team, unsigned awaited, long limit) {
  long long started = 0;
  for (unsigned spins = 1; !barrier_is_open(team, awaited); spins++) {
    spin_pause();
    if (spins % SPINS_PER_CLOCK_READING) continue;
    long long now = nanoseconds_now();
    if (!started) {
      started = now;
    } else if (now - started > limit) {
      return 0;
    }
  }
  return 1;
}

/* Whether this thread is the last of its team, which opens the barrier. */
static inline int arrive_last(struct team *team, struct member *self) {
  self->awaited += (unsigned)team->threads;
  if (atomic_fetch_add(&team->arrivals, 1) + 1 != self->awaited) return 0;
  if (atomic_load(&team->sleepers)) wake_sleepers(team);
  return 1;
}

/* Not inlined: a step has hundreds of barriers, and its code should stay small. */
static __attribute__((noinline)) void wait_for_team(struct team *team, int thread) {
  struct member *self = &team->members[thread];
  if (arrive_last(team, self)) return;
  if (self->hasty_waits) {
    if (--self->hasty_waits == 0) self->doubts = DOUBTS_AFTER_HASTE;
    if (!spin_until_open(team, self->awaited, HASTY_NANOSECONDS)) sleep_until_open(team, self->awaited);
  } else if (spin_until_open(team, self->awaited, PATIENT_NANOSECONDS)) {
    if (self->doubts) self->doubts--;
  } else {
    self->doubts += DOUBTS_OF_A_WAIT_IN_VAIN;
    if (self->doubts >= DOUBTS_TO_BE_HASTY) self->hasty_waits = HASTY_WAITS;
    sleep_until_open(team, self->awaited);
  }
}

/* Returns once all threads of the team have called it, and what they wrote before is visible. */
static inline void barrier(struct team *team, int thread) {
  if (team->threads > 1) wait_for_team(team, thread);
}

/* How long the caller takes between two pieces of work says nothing about waits at barriers. */
static void wait_for_work(struct team *team, struct member *self) {
  if (arrive_last(team, self) || spin_until_open(team, self->awaited, PATIENT_NANOSECONDS)) return;
  sleep_until_open(team, self->awaited);
}

static void *helper_main(void *argument) {
  struct member *self = argument;
  struct team *team = self->team;
  /* start_team holds the mutex until it's settled how many threads there are. */
  pthread_mutex_lock(&team->mutex);
  pthread_mutex_unlock(&team->mutex);
  for (;;) {
    wait_for_work(team, self);
    if (team->stopping) return NULL;
    team->work(team->context, self->thread);
    barrier(team, self->thread);
  }
}

/* All threads of the team, the caller among them, call `work` once; returns after the last one. */
static void run_team(struct team *team) {
  barrier(team, 0);
  team->work(team->context, 0);
  barrier(team, 0);
}

static void stop_team(struct team *team) {
  team->stopping = 1;
  barrier(team, 0);
  for (int thread = 1; thread < team->threads; thread++) pthread_join(team->members[thread].id, NULL);
  pthread_cond_destroy(&team->opened);
  pthread_mutex_destroy(&team->mutex);
  free(team);
}

/* NULL where there isn't the memory, or the system doesn't allow so many threads. */
static struct team *start_team(int threads, void (*work)(void *, int), void *context) {
  size_t bytes = sizeof(struct team) + (size_t)threads * sizeof(struct member);
  struct team *team = aligned_alloc(APART, bytes);
  if (!team) return NULL;
  memset(team, 0, bytes);
  team->work = work;
  team->context = context;
  pthread_mutex_init(&team->mutex, NULL);
  pthread_cond_init(&team->opened, NULL);

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, HELPER_STACK_BYTES);
  /* A new thread has the signal mask of the one that creates it. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_mutex_lock(&team->mutex);
  int started = 1;
  for (; started < threads; started++) {
    struct member *member = &team->members[started];
    member->team = team;
    member->thread = started;
    if (pthread_create(&member->id, &attributes, helper_main, member)) break;
  }
  team->threads = started;
  pthread_mutex_unlock(&team->mutex);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);

  if (started < threads) {
    stop_team(team);
    return NULL;
  }
  return team;
}

#endif
