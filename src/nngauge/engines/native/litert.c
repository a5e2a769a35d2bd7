/* LiteRT's own C API (CompiledModel), as libLiteRt.so exports it.
 * https://github.com/google-ai-edge/LiteRT/tree/main/litert/c; layouts as its static assertions state them for 64 bits.
 */
#include "runner.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;
typedef struct { unsigned int rank : 7; unsigned int has_strides : 1; int32_t dims[8]; uint32_t strides[8]; } Layout;
typedef struct { int element; Layout layout; } Ranked;
typedef struct {
    const char *tag;
    int type;
    uint64_t start_us, elapsed_us;
    size_t memory[6];
    uint64_t metadata[2];
    int source;
} Event;

enum { CPU = 1, GPU = 2, NPU = 4, LOCK_READ = 0, LOCK_WRITE = 1, OPERATOR = 2, DELEGATE_OPERATOR = 4, PROFILED_OPERATOR = 8 };
enum { MOST_EVENTS = 1 << 17, UNSUPPORTED = 5 };

static struct {
    Status (*CreateEnvironment)(int, const void *, void **);
    void *CreateModelFromFile; /* two signatures */
    Status (*CreateOptions)(void **);
    Status (*SetOptionsHardwareAccelerators)(void *, int);
    Status (*AddOpaqueOptions)(void *, void *);
    Status (*CreateOpaqueOptions)(const char *, void *, void (*)(void *), void **);
    Status (*CreateCompiledModel)(void *, void *, void *, void **);
    Status (*GetModelSignature)(void *, size_t, void **);
    Status (*GetSignatureSubgraph)(void *, void **);
    Status (*GetNumSignatureInputs)(void *, size_t *);
    Status (*GetNumSignatureOutputs)(void *, size_t *);
    Status (*GetSignatureInputName)(void *, size_t, const char **);
    Status (*GetSignatureInputTensorByIndex)(void *, size_t, void **);
    Status (*GetSignatureOutputTensorByIndex)(void *, size_t, void **);
    Status (*GetNumSubgraphInputs)(void *, size_t *);
    Status (*GetNumSubgraphOutputs)(void *, size_t *);
    Status (*GetSubgraphInput)(void *, size_t, void **);
    Status (*GetSubgraphOutput)(void *, size_t, void **);
    Status (*GetTensorName)(void *, const char **);
    Status (*GetRankedTensorType)(void *, Ranked *);
    Status (*CompiledModelResizeInputTensorNonStrict)(void *, size_t, size_t, const int *, size_t);
    Status (*GetCompiledModelInputBufferRequirements)(void *, size_t, size_t, void **);
    Status (*GetCompiledModelOutputBufferRequirements)(void *, size_t, size_t, void **);
    Status (*GetCompiledModelOutputTensorLayouts)(void *, size_t, size_t, Layout *, bool);
    Status (*CreateManagedTensorBufferFromRequirements)(void *, const Ranked *, void *, void **);
    Status (*GetTensorBufferSize)(void *, size_t *);
    Status (*LockTensorBuffer)(void *, void **, int);
    Status (*UnlockTensorBuffer)(void *);
    Status (*RunCompiledModel)(void *, size_t, size_t, void **, size_t, void **);
    Status (*CompiledModelGetProfiler)(void *, void **);
    Status (*CompiledModelIsNonCpuFullyAccelerated)(void *, bool *); /* since 2.1.3 */
    Status (*StartProfiler)(void *);
    Status (*StopProfiler)(void *);
    Status (*ResetProfiler)(void *);
    Status (*GetNumProfilerEvents)(void *, int *);
    Status (*GetProfilerEvents)(void *, int, Event *);
} api;

struct side { void *tensor, *buffer; const char *name, *signature_name; Ranked type; size_t size; };

static void *env, *compiled;
static const char *accelerator; /* asked for; NULL for the processor */
static struct side ins[MOST_INPUTS], outs[MOST_OUTPUTS]; /* in the signature's order, as buffers are handed over */
static void *in_buffers[MOST_INPUTS], *out_buffers[MOST_OUTPUTS];
static int in_order[MOST_INPUTS], out_order[MOST_OUTPUTS]; /* place in the subgraph → place in the signature */
static size_t in_count, out_count;
static Status last;

static bool find_functions(void *library, struct trouble *trouble)
{
#define FIND(name) *(void **)&api.name = symbol(library, "LiteRt" #name, trouble)
    FIND(CreateEnvironment); FIND(CreateModelFromFile); FIND(CreateOptions); FIND(SetOptionsHardwareAccelerators);
    FIND(AddOpaqueOptions); FIND(CreateOpaqueOptions); FIND(CreateCompiledModel); FIND(GetModelSignature);
    FIND(GetSignatureSubgraph); FIND(GetNumSignatureInputs); FIND(GetNumSignatureOutputs); FIND(GetSignatureInputName);
    FIND(GetSignatureInputTensorByIndex); FIND(GetSignatureOutputTensorByIndex); FIND(GetNumSubgraphInputs);
    FIND(GetNumSubgraphOutputs); FIND(GetSubgraphInput); FIND(GetSubgraphOutput); FIND(GetTensorName);
    FIND(GetRankedTensorType); FIND(CompiledModelResizeInputTensorNonStrict);
    FIND(GetCompiledModelInputBufferRequirements); FIND(GetCompiledModelOutputBufferRequirements);
    FIND(GetCompiledModelOutputTensorLayouts); FIND(CreateManagedTensorBufferFromRequirements); FIND(GetTensorBufferSize);
    FIND(LockTensorBuffer); FIND(UnlockTensorBuffer); FIND(RunCompiledModel); FIND(CompiledModelGetProfiler);
    FIND(StartProfiler); FIND(StopProfiler); FIND(ResetProfiler); FIND(GetNumProfilerEvents); FIND(GetProfilerEvents);
#undef FIND
    *(void **)&api.CompiledModelIsNonCpuFullyAccelerated = dlsym(library, "LiteRtCompiledModelIsNonCpuFullyAccelerated");
    return !trouble->kind;
}

/* litert_common.h */
static const char *words(Status status)
{
    static const struct { Status status; const char *words; } known[] = {
        {1, "invalid argument"}, {2, "memory allocation failure"}, {3, "runtime failure"}, {4, "missing input tensor"},
        {5, "unsupported"}, {6, "not found"}, {8, "wrong version"}, {9, "unknown"}, {500, "file I/O"},
        {501, "invalid flatbuffer"}, {502, "dynamic loading"}, {503, "serialization"}, {504, "compilation"},
        {1000, "index out of bounds"}, {1001, "invalid IR type"}, {1002, "invalid graph invariant"},
    };
    for (size_t at = 0; at < sizeof known / sizeof *known; at++) {
        if (known[at].status == status) return known[at].words;
    }
    return "see its log";
}

static bool good(Status status, const char *what, struct trouble *trouble)
{
    if (status == 0) return true;
    const char *kind = status == UNSUPPORTED ? "unsupported" : status == 2 ? "memory" : "failed";
    return fail(trouble, kind, "%s: LiteRT status %d (%s)", what, status, words(status));
}

/* Options are TOML, under the name of the part that reads them. Ones that a version does not know are not an error. */
static bool add_toml(void *options, const char *part, const char *toml, struct trouble *trouble)
{
    void *opaque = NULL;
    char *copy = malloc(strlen(toml) + 1);
    if (!copy) return fail(trouble, "memory", "not enough memory");
    memcpy(copy, toml, strlen(toml) + 1);
    return good(api.CreateOpaqueOptions(part, copy, free, &opaque), "options", trouble)
        && good(api.AddOpaqueOptions(options, opaque), "options", trouble);
}

/* Up to 2.1.2 options were objects of their own types. */
static bool add_object(void *library, void *options, const char *kind, const char *setter, int value, struct trouble *trouble)
{
    char name[64];
    void *opaque = NULL, *object = NULL;
    Status (*create)(void **), (*find)(void *, void **), (*set)(void *, int);
    snprintf(name, sizeof name, "LiteRtCreate%sOptions", kind);
    *(void **)&create = symbol(library, name, trouble);
    snprintf(name, sizeof name, "LiteRtFind%sOptions", kind);
    *(void **)&find = symbol(library, name, trouble);
    *(void **)&set = symbol(library, setter, trouble);
    if (trouble->kind) return false;
    return good(create(&opaque), "options", trouble) && good(find(opaque, &object), "options", trouble)
        && good(set(object, value), "options", trouble) && good(api.AddOpaqueOptions(options, opaque), "options", trouble);
}

struct choice { const char *name; int accelerators; const char *mode; };

static const struct choice *chosen_delegate(const char *name)
{
    static const struct choice choices[] = {
        {"", CPU, NULL}, {"cpu-xnnpack", CPU, NULL}, {"cpu-builtin", CPU, "builtin"}, {"cpu-reference", CPU, "reference"},
        {"gpu", GPU | CPU, NULL}, {"npu", NPU | CPU, NULL},
    };
    for (size_t at = 0; at < sizeof choices / sizeof *choices; at++) {
        if (strcmp(choices[at].name, name) == 0) return &choices[at];
    }
    return NULL;
}

static bool add_options(void *library, void *options, const struct request *request, struct trouble *trouble)
{
    char toml[96];
    const struct choice *choice = chosen_delegate(request->delegate);
    if (!choice) return fail(trouble, "unsupported", "no delegate '%s' here", request->delegate);
    accelerator = choice->accelerators == CPU ? NULL : choice->name;
    if (accelerator && !api.CompiledModelIsNonCpuFullyAccelerated) {
        return fail(trouble, "unsupported", "this LiteRT does not tell whether '%s' was used", accelerator);
    }
    if (!good(api.SetOptionsHardwareAccelerators(options, choice->accelerators), "accelerators", trouble)) return false;
    if (dlsym(library, "LiteRtCreateCpuOptions")) {
        if (choice->mode) return fail(trouble, "unsupported", "delegate '%s' needs a newer LiteRT", choice->name);
        return add_object(library, options, "Cpu", "LiteRtSetCpuOptionsNumThread", request->threads, trouble)
            && (!request->profile
                || add_object(library, options, "Runtime", "LiteRtSetRuntimeOptionsEnableProfiling", 1, trouble));
    }
    snprintf(toml, sizeof toml, "num_threads = %d\n", request->threads);
    if (choice->mode) snprintf(toml, sizeof toml, "num_threads = %d\nkernel_mode = \"%s\"\n", request->threads, choice->mode);
    return add_toml(options, "xnnpack", toml, trouble)
        && (!request->profile || add_toml(options, "runtime_options_string", "enable_profiling = true\n", trouble));
}

/* Since 2.2 a model is read in an environment. Nothing says so but what that version exports for the first time. */
static Status read_model(void *library, const char *path, void **model)
{
    if (dlsym(library, "LiteRtCreateModelFromFd")) {
        return ((Status(*)(void *, const char *, void **))api.CreateModelFromFile)(env, path, model);
    }
    return ((Status(*)(const char *, void **))api.CreateModelFromFile)(path, model);
}

typedef Status (*get_at)(void *, size_t, void **);

/* Facts of the tensors of one side, and the order in which the subgraph has them: the signature sorts by name. */
static bool look(void *signature, void *subgraph, bool input, struct side *sides, int *order, size_t count, struct trouble *trouble)
{
    get_at by_signature = input ? api.GetSignatureInputTensorByIndex : api.GetSignatureOutputTensorByIndex;
    get_at by_subgraph = input ? api.GetSubgraphInput : api.GetSubgraphOutput;
    for (size_t at = 0; at < count; at++) {
        struct side *side = &sides[at];
        if (!good(by_signature(signature, at, &side->tensor), "signature", trouble)) return false;
        if (!good(api.GetTensorName(side->tensor, &side->name), "tensor name", trouble)) return false;
        if (!good(api.GetRankedTensorType(side->tensor, &side->type), "tensor type", trouble)) return false;
        if (input) api.GetSignatureInputName(signature, at, &side->signature_name);
        order[at] = (int)at;
    }
    for (size_t at = 0; at < count; at++) {
        void *tensor = NULL;
        if (by_subgraph(subgraph, at, &tensor) != 0) continue;
        for (size_t i = 0; i < count; i++) {
            if (sides[i].tensor == tensor) order[at] = (int)i;
        }
    }
    return true;
}

static bool look_around(void *model, struct trouble *trouble)
{
    void *signature = NULL, *subgraph = NULL;
    if (!good(api.GetModelSignature(model, 0, &signature), "signature", trouble)) return false;
    if (!good(api.GetSignatureSubgraph(signature, &subgraph), "subgraph", trouble)) return false;
    if (!good(api.GetNumSignatureInputs(signature, &in_count), "inputs", trouble)) return false;
    if (!good(api.GetNumSignatureOutputs(signature, &out_count), "outputs", trouble)) return false;
    if (in_count > MOST_INPUTS || out_count > MOST_OUTPUTS) {
        return fail(trouble, "unsupported", "%zu inputs, %zu outputs", in_count, out_count);
    }
    return look(signature, subgraph, true, ins, in_order, in_count, trouble)
        && look(signature, subgraph, false, outs, out_order, out_count, trouble);
}

static bool choose(const struct request *request, int chosen[], struct trouble *trouble)
{
    struct slot slots[MOST_INPUTS] = {{0}};
    for (size_t at = 0; at < in_count; at++) {
        const struct side *side = &ins[in_order[at]];
        slots[at] = (struct slot){.name = side->name, .other = side->signature_name};
    }
    return match_inputs(request, slots, (int)in_count, chosen, trouble);
}

static struct shape shape_of(const Layout *layout)
{
    struct shape shape = {.rank = layout->rank < MOST_RANK ? (int)layout->rank : MOST_RANK};
    for (int at = 0; at < shape.rank; at++) shape.dims[at] = layout->dims[at];
    return shape;
}

static bool resize(const struct request *request, const int chosen[], struct trouble *trouble)
{
    for (size_t at = 0; at < in_count; at++) {
        const struct shape *shape = &request->input[chosen[at]]->feeds[0]->shape;
        struct side *side = &ins[in_order[at]];
        struct shape now = shape_of(&side->type.layout);
        int dims[MOST_RANK];
        if (same_shape(&now, shape)) continue;
        for (int i = 0; i < shape->rank; i++) side->type.layout.dims[i] = dims[i] = (int)shape->dims[i];
        side->type.layout.rank = (unsigned)shape->rank & 0x7F;
        Status status = api.CompiledModelResizeInputTensorNonStrict(compiled, 0, (size_t)in_order[at], dims, (size_t)shape->rank);
        if (!good(status, "input cannot be resized", trouble)) return false;
    }
    return true;
}

typedef Status (*get_requirements)(void *, size_t, size_t, void **);

static bool make_buffers(get_requirements get, struct side *sides, void **buffers, size_t count, struct trouble *trouble)
{
    for (size_t at = 0; at < count; at++) {
        void *wanted = NULL;
        if (!good(get(compiled, 0, at, &wanted), "buffer requirements", trouble)) return false;
        Status status = api.CreateManagedTensorBufferFromRequirements(env, &sides[at].type, wanted, &buffers[at]);
        if (!good(status, "buffer", trouble)) return false;
        if (!good(api.GetTensorBufferSize(buffers[at], &sides[at].size), "buffer", trouble)) return false;
        sides[at].buffer = buffers[at];
    }
    return true;
}

static bool shape_outputs(struct trouble *trouble)
{
    Layout layouts[MOST_OUTPUTS] = {{0}};
    Status status = api.GetCompiledModelOutputTensorLayouts(compiled, 0, out_count, layouts, true);
    if (!good(status, "output shapes", trouble)) return false;
    for (size_t at = 0; at < out_count; at++) outs[at].type.layout = layouts[at];
    return true;
}

static bool load(void *library, const struct request *request, struct trouble *trouble)
{
    int chosen[MOST_INPUTS];
    void *model = NULL, *options = NULL;
    if (!find_functions(library, trouble)) return false;
    if (!good(api.CreateEnvironment(0, NULL, &env), "environment", trouble)) return false;
    if (!good(read_model(library, request->model, &model), "the model cannot be read", trouble)) return false;
    if (!look_around(model, trouble) || !choose(request, chosen, trouble)) return false;
    if (!good(api.CreateOptions(&options), "options", trouble) || !add_options(library, options, request, trouble)) return false;
    if (!good(api.CreateCompiledModel(env, model, options, &compiled), "the model cannot be compiled", trouble)) return false;
    return resize(request, chosen, trouble) && shape_outputs(trouble)
        && make_buffers(api.GetCompiledModelInputBufferRequirements, ins, in_buffers, in_count, trouble)
        && make_buffers(api.GetCompiledModelOutputBufferRequirements, outs, out_buffers, out_count, trouble);
}

/* LiteRtElementType. */
static enum type type_of(int type)
{
    static const enum type types[] = {
        [1] = FLOAT32, [2] = INT32, [3] = UINT8, [4] = INT64, [6] = BOOL, [7] = INT16, [9] = INT8, [10] = FLOAT16,
        [11] = FLOAT64, [13] = UINT64, [16] = UINT32, [17] = UINT16, [19] = BFLOAT16,
    };
    return type >= 0 && type < (int)(sizeof types / sizeof *types) ? types[type] : TYPE_NONE;
}

static bool fill(const struct side *side, const struct feed *from, struct trouble *trouble)
{
    void *bytes = NULL;
    struct shape shape = shape_of(&side->type.layout);
    enum type type = type_of(side->type.element);
    if (type == TYPE_NONE || type != from->type || !same_shape(&shape, &from->shape)) {
        return fail(trouble, "unsupported", "input %s is another type or shape than its feed", side->name);
    }
    if (!good(api.LockTensorBuffer(side->buffer, &bytes, LOCK_WRITE), "buffer", trouble)) return false;
    bool fine = load_feed(from, bytes, side->size, trouble);
    return good(api.UnlockTensorBuffer(side->buffer), "buffer", trouble) && fine;
}

static bool feed(const struct request *request, int set, struct trouble *trouble)
{
    int chosen[MOST_INPUTS];
    if (!choose(request, chosen, trouble)) return false;
    for (size_t at = 0; at < in_count; at++) {
        const struct input *input = request->input[chosen[at]];
        if (!fill(&ins[in_order[at]], input->feeds[set < input->sets ? set : input->sets - 1], trouble)) return false;
    }
    return true;
}

static bool run(void)
{
    last = api.RunCompiledModel(compiled, 0, in_count, in_buffers, out_count, out_buffers);
    return last == 0;
}

static void why(struct trouble *trouble)
{
    good(last, "the inference failed", trouble);
}

/* In the subgraph's order, as the interpreter has them. */
static bool outputs(visit each, void *context, struct trouble *trouble)
{
    for (size_t at = 0; at < out_count; at++) {
        const struct side *side = &outs[out_order[at]];
        struct view view = {.name = side->name, .type = type_of(side->type.element), .shape = shape_of(&side->type.layout)};
        void *bytes = NULL;
        if (view.type == TYPE_NONE || !shape_bytes(&view.shape, view.type, &view.size) || view.size > side->size) {
            return fail(trouble, "unsupported", "output %s has a type or size that is not read here", view.name);
        }
        if (!good(api.LockTensorBuffer(side->buffer, &bytes, LOCK_READ), "buffer", trouble)) return false;
        view.data = bytes;
        bool fine = each(&view, context, trouble);
        if (!good(api.UnlockTensorBuffer(side->buffer), "buffer", trouble) || !fine) return false;
    }
    return true;
}

static bool is_operator(const Event *event)
{
    return event->tag && (event->type == OPERATOR || event->type == DELEGATE_OPERATOR || event->type == PROFILED_OPERATOR);
}

/* A delegate's node holds the time of its own operators, which are told one by one. */
static void tell_events(const Event *events, int count, tell_op tell)
{
    bool inside = false;
    for (int at = 0; at < count; at++) inside |= is_operator(&events[at]) && events[at].type != OPERATOR;
    for (int at = 0; at < count; at++) {
        const Event *event = &events[at];
        bool node = event->tag && event->type == OPERATOR && strstr(event->tag, "Delegate");
        if (!is_operator(event) || (inside && node)) continue;
        tell(event->tag, "", event->type == OPERATOR ? "cpu" : "", (double)event->elapsed_us * 1000);
    }
}

/* Events are whole microseconds, so many runs are needed for short operators. */
static int profile(const struct request *request, int runs, tell_op tell, struct trouble *trouble)
{
    void *profiler = NULL;
    (void)request;
    if (!good(api.CompiledModelGetProfiler(compiled, &profiler), "profiler", trouble)) return 0;
    Event *events = calloc(MOST_EVENTS, sizeof *events);
    if (!events) return fail(trouble, "memory", "not enough memory");
    for (int at = 0; at < runs; at++) {
        int count = 0;
        api.ResetProfiler(profiler);
        if (!good(api.StartProfiler(profiler), "profiler", trouble)) return 0;
        if (!run()) return why(trouble), 0;
        api.StopProfiler(profiler);
        if (!good(api.GetNumProfilerEvents(profiler, &count), "profiler", trouble)) return 0;
        if (count > MOST_EVENTS) count = MOST_EVENTS;
        if (count > 0 && !good(api.GetProfilerEvents(profiler, count, events), "profiler", trouble)) return 0;
        tell_events(events, count, tell);
    }
    free(events);
    return runs;
}

/* An accelerator that is not there, or refuses operators, is passed over without a word. */
static const char *unit(void)
{
    bool fully = false;
    if (!accelerator) return NULL;
    return api.CompiledModelIsNonCpuFullyAccelerated(compiled, &fully) == 0 && fully ? accelerator : "cpu";
}

/* The library does not say which it is. */
static const char *version(void)
{
    return "";
}

const struct engine litert_engine = {
    .name = "litert", .marker = "LiteRtCreateCompiledModel", .load = load, .feed = feed, .run = run, .outputs = outputs,
    .profile = profile, .why = why, .version = version, .unit = unit,
};
