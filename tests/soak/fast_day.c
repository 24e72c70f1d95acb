/* Lets the clock on the wall, and the one that counts sleep, run FAST_DAY times faster from when they are first asked.
   Timeouts, which go by the monotonic clock, stay as they are. To be preloaded into a meter. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

typedef int (*ask_t)(clockid_t, struct timespec *);
static ask_t ask;
static double first[16];
static double faster;

__attribute__((constructor)) static void begin(void) {
    const char *told = getenv("FAST_DAY");
    struct timespec now;
    ask = (ask_t)dlsym(RTLD_NEXT, "clock_gettime");
    faster = told ? atof(told) : 1.0;
    for (clockid_t id = 0; id < 16; id++) {
        if (ask(id, &now) == 0) first[id] = now.tv_sec + now.tv_nsec / 1e9;
    }
}

int clock_gettime(clockid_t id, struct timespec *out) {
    if (!ask) begin();  /* others may ask before we were begun */
    int result = ask(id, out);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME)) {
        double since = out->tv_sec + out->tv_nsec / 1e9 - first[id];
        double shown = first[id] + since * faster;
        out->tv_sec = (time_t)shown;
        out->tv_nsec = (long)((shown - (double)out->tv_sec) * 1e9);
    }
    return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    (void)zone;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return result;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
