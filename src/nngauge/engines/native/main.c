/* One request, one reply. */
#include "runner.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct engine *const engines[] = {&litert_engine, &tflite_engine, &ort_engine};

/* Where the outputs of one set go. */
struct sink {
    struct sha256 hash;
    int fd;
    bool finite, describe;
};

/* All exponent bits set is infinity or not a number, in each of IEEE 754's formats and bfloat16. */
static bool finite(const struct view *view)
{
    size_t width = type_size(view->type), count = width ? view->size / width : 0;
    uint64_t mask = view->type == FLOAT64 ? 0x7FF0000000000000u : view->type == FLOAT32 ? 0x7F800000u
                  : view->type == FLOAT16 ? 0x7C00u : view->type == BFLOAT16 ? 0x7F80u : 0;
    const uint8_t *at = view->data;
    for (size_t i = 0; mask && i < count; i++, at += width) {
        uint64_t bits = 0;
        memcpy(&bits, at, width); /* every target is little-endian */
        if ((bits & mask) == mask) return false;
    }
    return true;
}

static bool see(const struct view *view, void *context, struct trouble *trouble)
{
    struct sink *sink = context;
    sha256_add(&sink->hash, view->data, view->size);
    sink->finite &= finite(view);
    if (sink->describe) tell_output(view);
    if (sink->fd >= 0 && !write_all(sink->fd, view->data, view->size)) {
        return fail(trouble, "failed", "the outputs cannot be written");
    }
    return true;
}

static int set_count(const struct request *request)
{
    int count = 1;
    for (int at = 0; at < request->inputs; at++) {
        if (request->input[at]->sets > count) count = request->input[at]->sets;
    }
    return count;
}

static bool run_set(const struct engine *engine, const struct request *request, int set, int fd, struct reply *reply)
{
    struct sink sink = {.fd = fd, .finite = true, .describe = set == 0};
    int64_t wall, cpu;
    if (!engine->feed(request, set, &reply->trouble)) return false;
    if (!timed(engine->run, 1, &wall, &cpu)) return engine->why(&reply->trouble), false;
    if (set == 0) reply->first_ns = wall;
    sha256_begin(&sink.hash);
    if (!engine->outputs(see, &sink, &reply->trouble)) return false;
    sha256_end(&sink.hash, reply->digests[reply->sets++]);
    reply->finite &= sink.finite;
    return true;
}

/* The first inference of each set of inputs; the first set is left in place. */
static bool first(const struct engine *engine, const struct request *request, struct reply *reply)
{
    int sets = set_count(request), fd = -1;
    bool fine = true;
    if (request->outputs[0]) {
        fd = open(request->outputs, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) return fail(&reply->trouble, "failed", "cannot write %s", request->outputs);
    }
    for (int set = 0; fine && set < sets; set++) fine = run_set(engine, request, set, fd, reply);
    if (fd >= 0) close(fd);
    return fine && (sets == 1 || engine->feed(request, 0, &reply->trouble));
}

static bool steady(const struct engine *engine, const struct request *request, struct reply *reply)
{
    if (!warm_up(engine->run, request, reply) || !take(engine->run, request, reply)) {
        return engine->why(&reply->trouble), false;
    }
    reply->sample_cost = sample_cost();
    return true;
}

static bool profiled(const struct engine *engine, const struct request *request, struct reply *reply)
{
    enum { MOST_PROFILED = 1000 };
    if (!engine->profile) {
        reply->note = "this runtime's C API has no profile of operators";
        return true;
    }
    int runs = request->least_runs < MOST_PROFILED ? request->least_runs : MOST_PROFILED;
    runs = engine->profile(request, runs, tell_operator, &reply->trouble);
    if (runs > 0) divide_operators(runs);
    return runs > 0;
}

static const struct engine *engine_of(void *library)
{
    for (size_t at = 0; at < sizeof engines / sizeof *engines; at++) {
        if (dlsym(library, engines[at]->marker)) return engines[at];
    }
    return NULL;
}

static void *open_library(const char *path, struct trouble *trouble)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *words = dlerror();
        fail(trouble, "missing", "%s", words ? words : "the library cannot be opened");
    }
    return library;
}

static bool load(void *library, const struct engine *engine, const struct request *request, struct reply *reply)
{
    int64_t before = resident_bytes("VmRSS:"), begun = wall_ns();
    bool fine = engine->load(library, request, &reply->trouble);
    reply->load_ns = wall_ns() - begun;
    int64_t after = resident_bytes("VmRSS:");
    reply->load_bytes = before < 0 || after < 0 ? -1 : after > before ? after - before : 0;
    reply->version = engine->version();
    reply->unit = fine && engine->unit ? engine->unit() : NULL;
    if (!fine || !first(engine, request, reply)) return false;
    return request->profile ? profiled(engine, request, reply) : steady(engine, request, reply);
}

static void launch(const struct request *request, struct reply *reply)
{
    /* A library that is open is found by its soname, whatever its file is called here. */
    for (int at = 0; at < request->needed; at++) {
        if (!open_library(request->need[at], &reply->trouble)) return;
    }
    void *library = open_library(request->library, &reply->trouble);
    if (!library) return;
    const struct engine *engine = engine_of(library);
    if (!engine) {
        fail(&reply->trouble, "missing", "the library exports none of the C APIs of LiteRT, TensorFlow Lite and ONNX Runtime");
        return;
    }
    reply->engine = engine->name;
    if (!load(library, engine, request, reply) && !reply->trouble.kind) {
        fail(&reply->trouble, "failed", "the engine gives no reason"); /* must not look like a success without times */
    }
    reply->peak_bytes = resident_bytes("VmHWM:");
}

int main(void)
{
    static struct request request;
    static struct reply reply = {.engine = "native", .version = "", .settled = true, .finite = true};
    int answer = dup(1);
    if (answer < 0 || dup2(2, 1) < 0) return 1; /* what libraries print goes to standard error */
    if (read_request(&request, &reply.trouble)) launch(&request, &reply);
    _exit(write_reply(answer, &reply) ? 0 : 1); /* engines crash in their destructors; nothing is left to save */
}
