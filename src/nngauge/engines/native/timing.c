/* The loop that takes the times, step for step as nngauge.engines.timing, so that numbers from here and there mean the same.
 * Between two readings of the clocks there is nothing but inferences. */
#include "runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* Wall and processor nanoseconds of `count` inferences, in all. */
bool timed(bool (*run)(void), int64_t count, int64_t *wall, int64_t *cpu)
{
    bool good = true;
    int64_t cpu_before = clock_ns(CLOCK_PROCESS_CPUTIME_ID), before = wall_ns();
    for (int64_t i = 0; i < count; i++) good &= run();
    *wall = wall_ns() - before;
    *cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
    return good;
}

static bool nothing(void)
{
    return true;
}

static int rising(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static double median(const int64_t *values, int count)
{
    int64_t *copy = malloc((size_t)count * sizeof *copy);
    if (!copy || count < 1) return 0;
    memcpy(copy, values, (size_t)count * sizeof *copy);
    qsort(copy, (size_t)count, sizeof *copy, rising);
    double middle = ((double)copy[(count - 1) / 2] + (double)copy[count / 2]) / 2;
    free(copy);
    return middle;
}

/* Processor nanoseconds that a sample shows for an inference that does nothing. */
double sample_cost(void)
{
    int64_t found[CALIBRATION], wall;
    for (int i = 0; i < CALIBRATION; i++) timed(nothing, 1, &wall, &found[i]);
    return median(found, CALIBRATION);
}

static bool settled(const int64_t *times, int count, double share)
{
    int half = count - count / 2;
    int tail = half < WINDOWS ? WINDOWS : half;
    if (count < WINDOWS) return false;
    int width = tail / WINDOWS;
    double first = median(times + count - tail, width), last = median(times + count - width, width);
    double drift = last > first ? last - first : first - last;
    return drift <= share * first;
}

static double seconds_since(int64_t begun)
{
    return (double)(wall_ns() - begun) / 1e9;
}

static int merge_neighbours(int64_t *found, int count)
{
    for (int i = 0; i < count / 2; i++) found[i] = (found[2 * i] + found[2 * i + 1]) / 2;
    return count / 2;
}

/* Runs until medians of the last windows of runs drift by less than `settle`. */
bool warm_up(bool (*run)(void), const struct request *request, struct reply *reply)
{
    static int64_t found[MOST_SAMPLES];
    int64_t per_sample = 1, wall, cpu, begun = wall_ns();
    int count = 0, look = request->warmup_runs < MOST_SAMPLES ? request->warmup_runs : MOST_SAMPLES / 2;
    reply->warmup = found;
    for (;;) {
        if (!timed(run, per_sample, &wall, &cpu)) return false;
        found[count++] = wall / per_sample;
        if (count == MOST_SAMPLES) {
            look = count = merge_neighbours(found, count);
            per_sample *= 2;
        }
        double spent = seconds_since(begun);
        bool up = spent >= request->warmup_most;
        reply->warmups = count;
        if (up || (count >= look && spent >= request->warmup_seconds)) {
            reply->settled = settled(found, count, request->settle);
            if (up || reply->settled) return true;
            look = count + count / 20 + 1; /* looking costs time that grows with the number of runs */
        }
    }
}

/* How many inferences a sample holds: one, unless that is too short to be timed to 1 %. */
static int64_t inferences_per_sample(double run_ns, const struct request *request)
{
    double least = request->least_seconds * 1e9 / (double)PLANNED;
    if (least < (double)SHORTEST_NS) least = (double)SHORTEST_NS;
    if (run_ns >= least) return 1;
    double count = least / (run_ns < 1 ? 1 : run_ns);
    return (int64_t)count + ((double)(int64_t)count < count);
}

static int64_t involuntary_switches(void)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

static bool room_for(struct times *times, int most)
{
    times->wall = malloc((size_t)most * 3 * sizeof *times->wall);
    if (!times->wall) return false;
    times->cpu = times->wall + most;
    times->interrupted = times->cpu + most;
    return true;
}

/* Says on standard error how many inferences ran: the log of a loop whose cable was pulled. */
static void tell_count(int64_t ran, double seconds)
{
    char text[64];
    int size = snprintf(text, sizeof text, "inferences %lld seconds %.3f\n", (long long)ran, seconds);
    write_all(2, text, (size_t)size);
}

/* Neighbours become one sample: half as many, each of twice as many inferences. */
static void join(struct times *times)
{
    merge_neighbours(times->wall, times->count);
    merge_neighbours(times->cpu, times->count);
    times->count /= 2;
    times->per_sample *= 2;
    for (int i = 0; i < times->count; i++) times->interrupted[i] = times->interrupted[2 * i] + times->interrupted[2 * i + 1];
}

/* Samples until there are enough in number and in time, or time is up. */
bool take(bool (*run)(void), const struct request *request, struct reply *reply)
{
    struct times *times = &reply->times;
    int least = request->least_runs, most = least > MOST_SAMPLES ? least + least % 2 : MOST_SAMPLES;
    int half = reply->warmups / 2;
    double run_ns = median(reply->warmup + half, reply->warmups - half), told = 0;
    times->per_sample = inferences_per_sample(run_ns, request);
    int64_t before = times->per_sample > 1; /* inferences: reading the clocks has cooled the caches, 1 to 2 % of a short sample */
    if (!room_for(times, most)) return false;
    memset(times->wall, 0, (size_t)most * 3 * sizeof *times->wall); /* page faults come now, not between samples */
    int64_t wall, cpu, ran = 0, switches = involuntary_switches(), begun = wall_ns();
    for (bool done = false, many = false; !done;) {
        int64_t count = times->per_sample;
        if ((before && !run()) || !timed(run, count, &wall, &cpu)) return false;
        /* Asking costs time, too; one thread that did not wait was not interrupted. */
        int64_t now = request->threads > 1 || wall - cpu > WAITED_NS ? involuntary_switches() : switches;
        times->wall[times->count] = wall / count;
        times->cpu[times->count] = cpu / count;
        times->interrupted[times->count++] = now - switches;
        switches = now;
        ran += before + count;
        double spent = seconds_since(begun);
        many |= times->count >= least;
        done = spent >= request->most_seconds || (many && spent >= request->least_seconds);
        if (request->counted && (done || spent - told >= (double)COUNTED_SECONDS)) tell_count(ran, told = spent);
        if (!done && times->count == most) join(times);
    }
    return true;
}

/* Bytes of a field of /proc/self/status ("VmRSS:"), -1 where it is not there. */
int64_t resident_bytes(const char *field)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (size < 0) return -1;
    text[size] = 0;
    const char *at = strstr(text, field);
    return at ? strtoll(at + strlen(field), NULL, 10) * 1024 : -1;
}
