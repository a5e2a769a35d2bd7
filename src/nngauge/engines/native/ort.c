/* ONNX Runtime's C API: one exported function that gives a table of functions, to which versions only append.
 * https://github.com/microsoft/onnxruntime/blob/main/include/onnxruntime/core/session/onnxruntime_c_api.h
 */
#include "runner.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

typedef struct OrtStatus OrtStatus;
typedef struct { const void *const *(*GetApi)(uint32_t version); const char *(*GetVersionString)(void); } OrtApiBase;

/* Places in the table; all of them are in version 5 (ONNX Runtime 1.5), the provider by name in 12. */
enum {
    GET_ERROR_CODE = 1, GET_ERROR_MESSAGE = 2, CREATE_ENV = 3, CREATE_SESSION = 7, RUN = 9, CREATE_SESSION_OPTIONS = 10,
    ENABLE_PROFILING = 14, SET_INTRA_OP_THREADS = 24, SET_INTER_OP_THREADS = 25, INPUT_COUNT = 30, OUTPUT_COUNT = 31,
    INPUT_NAME = 36, OUTPUT_NAME = 37, CREATE_TENSOR = 49, IS_TENSOR = 50, TENSOR_DATA = 51, ELEMENT_TYPE = 60,
    DIMENSION_COUNT = 61, DIMENSIONS = 62, TENSOR_INFO = 65, CREATE_CPU_MEMORY = 69, ALLOCATOR = 78, RELEASE_STATUS = 93,
    RELEASE_VALUE = 96, RELEASE_TENSOR_INFO = 99, END_PROFILING = 110, CONFIG_ENTRY = 130, APPEND_PROVIDER = 216,
};
enum { API_VERSION = 5, PROVIDER_VERSION = 12, NOT_IMPLEMENTED = 9, LOG_ERROR = 3 };

static const void *const *api;
static void *env, *session, *allocator, *memory, *options;
static int inputs, output_count;
static char *input_names[MOST_INPUTS], *output_names[MOST_OUTPUTS];
static void *input_values[MOST_INPUTS], *output_values[MOST_OUTPUTS];
static void *input_bytes[MOST_INPUTS];
static OrtStatus *last;
static int runs_so_far;     /* a profile holds all of them */

#define CALL(place, ...) ((OrtStatus * (*)(__VA_ARGS__)) api[place])
#define RELEASE(place, value) ((void (*)(void *))api[place])(value)

/* Turns a status into trouble. */
static bool good(OrtStatus *status, struct trouble *trouble)
{
    if (!status) return true;
    int code = ((int (*)(OrtStatus *))api[GET_ERROR_CODE])(status);
    const char *message = ((const char *(*)(OrtStatus *))api[GET_ERROR_MESSAGE])(status);
    fail(trouble, code == NOT_IMPLEMENTED ? "unsupported" : "failed", "%s", message);
    RELEASE(RELEASE_STATUS, status);
    return false;
}

static bool append_nnapi(void *library, struct trouble *trouble)
{
    OrtStatus *(*append)(void *, uint32_t);
    *(void **)&append = dlsym(library, "OrtSessionOptionsAppendExecutionProvider_Nnapi");
    if (!append) return fail(trouble, "unsupported", "no NnapiExecutionProvider in this build");
    return good(append(options, 0), trouble);
}

static bool append_xnnpack(const OrtApiBase *base, const char *threads, struct trouble *trouble)
{
    const void *const *newer = base->GetApi(PROVIDER_VERSION);
    if (!newer) return fail(trouble, "unsupported", "ONNX Runtime %s is too old for providers by name", base->GetVersionString());
    OrtStatus *(*append)(void *, const char *, const char *const *, const char *const *, size_t);
    *(const void **)&append = newer[APPEND_PROVIDER];
    const char *key = "intra_op_num_threads";
    return good(append(options, "XNNPACK", &key, &threads, 1), trouble);
}

static bool add_delegate(void *library, const OrtApiBase *base, const struct request *request, struct trouble *trouble)
{
    char threads[12];
    snprintf(threads, sizeof threads, "%d", request->threads);
    const char *name = request->delegate;
    if (!name[0] || strcmp(name, "cpu") == 0) return true;
    if (strcmp(name, "nnapi") == 0) return append_nnapi(library, trouble);
    if (strcmp(name, "xnnpack") == 0) return append_xnnpack(base, threads, trouble);
    return fail(trouble, "unsupported", "no delegate '%s' here", name);
}

/* As nngauge.engines.onnxruntime has it: on one thread the pool does not spin. */
static bool make_options(const struct request *request, struct trouble *trouble)
{
    const char *spin = request->threads == 1 ? "0" : "1";
    return good(CALL(CREATE_SESSION_OPTIONS, void **)(&options), trouble)
        && good(CALL(SET_INTRA_OP_THREADS, void *, int)(options, request->threads), trouble)
        && good(CALL(SET_INTER_OP_THREADS, void *, int)(options, 1), trouble)
        && good(CALL(CONFIG_ENTRY, void *, const char *, const char *)(options, "session.intra_op.allow_spinning", spin), trouble);
}

/* ONNX Runtime puts time and suffix behind the prefix; the file goes away as soon as it was read. */
static bool make_profiling(const struct request *request, struct trouble *trouble)
{
    char prefix[MOST_PATH + 16];
    if (!request->profile || !request->outputs[0]) return true;
    snprintf(prefix, sizeof prefix, "%s.profile", request->outputs);
    return good(CALL(ENABLE_PROFILING, void *, const char *)(options, prefix), trouble);
}

static bool read_names(int place, int count, char *names[], struct trouble *trouble)
{
    for (int at = 0; at < count; at++) {
        if (!good(CALL(place, void *, size_t, void *, char **)(session, (size_t)at, allocator, &names[at]), trouble)) return false;
    }
    return true;
}

static bool look(struct trouble *trouble)
{
    size_t ins = 0, outs = 0;
    if (!good(CALL(ALLOCATOR, void **)(&allocator), trouble)) return false;
    if (!good(CALL(CREATE_CPU_MEMORY, int, int, void **)(1, 0, &memory), trouble)) return false;
    if (!good(CALL(INPUT_COUNT, void *, size_t *)(session, &ins), trouble)) return false;
    if (!good(CALL(OUTPUT_COUNT, void *, size_t *)(session, &outs), trouble)) return false;
    if (ins > MOST_INPUTS || outs > MOST_OUTPUTS) return fail(trouble, "unsupported", "%zu inputs, %zu outputs", ins, outs);
    inputs = (int)ins;
    output_count = (int)outs;
    return read_names(INPUT_NAME, inputs, input_names, trouble) && read_names(OUTPUT_NAME, output_count, output_names, trouble);
}

static const OrtApiBase *base;

static bool load(void *library, const struct request *request, struct trouble *trouble)
{
    const OrtApiBase *(*get_base)(void);
    *(void **)&get_base = dlsym(library, "OrtGetApiBase");
    base = get_base();
    api = base ? base->GetApi(API_VERSION) : NULL;
    if (!api) return fail(trouble, "missing", "ONNX Runtime offers no C API of version %d", API_VERSION);
    if (!good(CALL(CREATE_ENV, int, const char *, void **)(LOG_ERROR, "nngauge", &env), trouble)) return false;
    if (!make_options(request, trouble) || !add_delegate(library, base, request, trouble)) return false;
    if (!make_profiling(request, trouble)) return false;
    return good(CALL(CREATE_SESSION, void *, const char *, void *, void **)(env, request->model, options, &session), trouble)
        && look(trouble);
}

/* ONNXTensorElementDataType. */
static const enum type types[] = {
    [1] = FLOAT32, [2] = UINT8, [3] = INT8, [4] = UINT16, [5] = INT16, [6] = INT32, [7] = INT64, [9] = BOOL, [10] = FLOAT16,
    [11] = FLOAT64, [12] = UINT32, [13] = UINT64, [16] = BFLOAT16,
};
enum { TYPES_THERE = sizeof types / sizeof *types };

static int number_of(enum type type)
{
    for (int number = 1; number < TYPES_THERE; number++) {
        if (types[number] == type && type != TYPE_NONE) return number;
    }
    return 0;
}

static bool put_input(int at, const struct feed *from, struct trouble *trouble)
{
    size_t size;
    int type = number_of(from->type);
    if (!type || !shape_bytes(&from->shape, from->type, &size)) return fail(trouble, "unsupported", "a feed of this type or size");
    free(input_bytes[at]);
    input_bytes[at] = malloc(size + 1);
    if (!input_bytes[at]) return fail(trouble, "memory", "not enough memory");
    if (!load_feed(from, input_bytes[at], size, trouble)) return false;
    if (input_values[at]) RELEASE(RELEASE_VALUE, input_values[at]);
    return good(CALL(CREATE_TENSOR, void *, void *, size_t, const int64_t *, size_t, int, void **)(
        memory, input_bytes[at], size, from->shape.dims, (size_t)from->shape.rank, type, &input_values[at]), trouble);
}

static bool feed(const struct request *request, int set, struct trouble *trouble)
{
    struct slot slots[MOST_INPUTS] = {{0}};
    int chosen[MOST_INPUTS];
    for (int at = 0; at < inputs; at++) slots[at].name = input_names[at];
    if (!match_inputs(request, slots, inputs, chosen, trouble)) return false;
    for (int at = 0; at < inputs; at++) {
        const struct input *input = request->input[chosen[at]];
        if (!put_input(at, input->feeds[set < input->sets ? set : input->sets - 1], trouble)) return false;
    }
    return true;
}

/* Outputs are made anew in each run, as in apps; those of the run before are given back. */
static bool run(void)
{
    for (int at = 0; at < output_count; at++) {
        if (output_values[at]) RELEASE(RELEASE_VALUE, output_values[at]);
        output_values[at] = NULL;
    }
    runs_so_far++;
    last = CALL(RUN, void *, void *, char *const *, void *const *, size_t, char *const *, size_t, void **)(
        session, NULL, input_names, input_values, (size_t)inputs, output_names, (size_t)output_count, output_values);
    return !last;
}

static void why(struct trouble *trouble)
{
    good(last, trouble);
    last = NULL;
}

static bool describe(void *value, struct view *view, struct trouble *trouble)
{
    void *info = NULL;
    size_t rank = 0;
    int type = 0, tensor = 0;
    if (!good(CALL(IS_TENSOR, void *, int *)(value, &tensor), trouble)) return false;
    if (!tensor) return fail(trouble, "unsupported", "output %s is not a tensor", view->name);
    if (!good(CALL(TENSOR_INFO, void *, void **)(value, &info), trouble)) return false;
    bool fine = good(CALL(ELEMENT_TYPE, void *, int *)(info, &type), trouble)
        && good(CALL(DIMENSION_COUNT, void *, size_t *)(info, &rank), trouble);
    if (fine && rank > MOST_RANK) fine = fail(trouble, "unsupported", "output %s has %zu dimensions", view->name, rank);
    fine = fine && good(CALL(DIMENSIONS, void *, int64_t *, size_t)(info, view->shape.dims, rank), trouble);
    RELEASE(RELEASE_TENSOR_INFO, info);
    view->shape.rank = (int)rank;
    view->type = type > 0 && type < TYPES_THERE ? types[type] : TYPE_NONE;
    return fine;
}

static bool outputs(visit each, void *context, struct trouble *trouble)
{
    for (int at = 0; at < output_count; at++) {
        struct view view = {.name = output_names[at]};
        void *data = NULL;
        if (!output_values[at] || !describe(output_values[at], &view, trouble)) return false;
        if (view.type == TYPE_NONE || !shape_bytes(&view.shape, view.type, &view.size)) {
            return fail(trouble, "unsupported", "output %s has a type or size that is not read here", view.name);
        }
        if (!good(CALL(TENSOR_DATA, void *, void **)(output_values[at], &data), trouble)) return false;
        view.data = data;
        if (!each(&view, context, trouble)) return false;
    }
    return true;
}

struct event { char category[32], name[256], kind[64], unit[64]; double microseconds; };

static void read_arguments(struct json *json, struct event *event)
{
    char key[64];
    bool first = true;
    json_open(json, '{');
    while (json_next(json, '}', &first) && json_key(json, key, sizeof key)) {
        if (strcmp(key, "op_name") == 0) json_string(json, event->kind, sizeof event->kind);
        else if (strcmp(key, "provider") == 0) json_string(json, event->unit, sizeof event->unit);
        else json_skip(json);
    }
}

static void read_event(struct json *json, struct event *event)
{
    char key[32];
    bool first = true;
    json_open(json, '{');
    while (json_next(json, '}', &first) && json_key(json, key, sizeof key)) {
        if (strcmp(key, "cat") == 0) json_string(json, event->category, sizeof event->category);
        else if (strcmp(key, "name") == 0) json_string(json, event->name, sizeof event->name);
        else if (strcmp(key, "dur") == 0) event->microseconds = json_number(json);
        else if (strcmp(key, "args") == 0) read_arguments(json, event);
        else json_skip(json);
    }
}

/* "Conv_3_kernel_time" is the time of node Conv_3; CPUExecutionProvider becomes cpu. */
static void tell_event(struct event *event, tell_op tell)
{
    static const char kernel[] = "_kernel_time", provider[] = "ExecutionProvider";
    size_t size = strlen(event->name), tail = sizeof kernel - 1;
    if (strcmp(event->category, "Node") != 0 || size <= tail || strcmp(event->name + size - tail, kernel) != 0) return;
    event->name[size - tail] = 0;
    char *end = strstr(event->unit, provider);
    if (end) *end = 0;
    for (char *c = event->unit; *c; c++) *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    tell(event->name, event->kind, event->unit, event->microseconds * 1000);
}

enum { MOST_PROFILE = 64 << 20 };

static bool read_profile(const char *path, tell_op tell, struct trouble *trouble)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int64_t size = fd < 0 ? -1 : file_size(fd);
    if (fd >= 0) close(fd);
    if (size < 0 || size > MOST_PROFILE) return fail(trouble, "failed", "the profile cannot be read");
    char *text = malloc((size_t)size + 1);
    if (!text || !read_file(path, text, (size_t)size, trouble)) return false;
    struct json json = {.text = text, .size = (size_t)size};
    bool first = true;
    json_open(&json, '[');
    while (json_next(&json, ']', &first)) {
        struct event event = {.microseconds = 0};
        read_event(&json, &event);
        if (json.bad) break;
        tell_event(&event, tell);
    }
    free(text);
    return !json.bad || fail(trouble, "failed", "the profile is garbled at byte %zu", json.at);
}

static int profile(const struct request *request, int runs, tell_op tell, struct trouble *trouble)
{
    char *path = NULL;
    if (!request->outputs[0]) return runs; /* ONNX Runtime writes its profile into a file, and there is no place for one */
    for (int at = 0; at < runs; at++) {
        if (!run()) return why(trouble), 0;
    }
    if (!good(CALL(END_PROFILING, void *, void *, char **)(session, allocator, &path), trouble)) return 0;
    bool fine = read_profile(path, tell, trouble);
    unlink(path);
    return fine ? runs_so_far : 0;
}

static const char *version(void)
{
    return base ? base->GetVersionString() : "";
}

const struct engine ort_engine = {
    .name = "onnxruntime", .marker = "OrtGetApiBase", .load = load, .feed = feed, .run = run, .outputs = outputs,
    .profile = profile, .why = why, .version = version,
};
