/* TensorFlow Lite's C API, as libtensorflowlite_c.so and libtensorflowlite_jni.so export it.
 * https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/c/c_api.h; stable since 2.0, only added to.
 */
#include "runner.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef struct TfLiteModel TfLiteModel;
typedef struct TfLiteOptions TfLiteOptions;
typedef struct TfLiteInterpreter TfLiteInterpreter;
typedef struct TfLiteTensor TfLiteTensor;

static struct {
    TfLiteModel *(*ModelCreateFromFile)(const char *path);
    TfLiteOptions *(*InterpreterOptionsCreate)(void);
    void (*InterpreterOptionsSetNumThreads)(TfLiteOptions *, int32_t);
    void (*InterpreterOptionsSetErrorReporter)(TfLiteOptions *, void (*)(void *, const char *, va_list), void *);
    TfLiteInterpreter *(*InterpreterCreate)(const TfLiteModel *, const TfLiteOptions *);
    int (*InterpreterAllocateTensors)(TfLiteInterpreter *);
    int (*InterpreterResizeInputTensor)(TfLiteInterpreter *, int32_t, const int *, int32_t);
    int (*InterpreterInvoke)(TfLiteInterpreter *);
    int32_t (*InterpreterGetInputTensorCount)(const TfLiteInterpreter *);
    TfLiteTensor *(*InterpreterGetInputTensor)(const TfLiteInterpreter *, int32_t);
    int32_t (*InterpreterGetOutputTensorCount)(const TfLiteInterpreter *);
    const TfLiteTensor *(*InterpreterGetOutputTensor)(const TfLiteInterpreter *, int32_t);
    int (*TensorType)(const TfLiteTensor *);
    int32_t (*TensorNumDims)(const TfLiteTensor *);
    int32_t (*TensorDim)(const TfLiteTensor *, int32_t);
    size_t (*TensorByteSize)(const TfLiteTensor *);
    void *(*TensorData)(const TfLiteTensor *);
    const char *(*TensorName)(const TfLiteTensor *);
    const char *(*Version)(void); /* since 2.1 */
} api;

static TfLiteInterpreter *interpreter;
static char words[400]; /* what the runtime said last */

static bool find_functions(void *library, struct trouble *trouble)
{
#define FIND(name) *(void **)&api.name = symbol(library, "TfLite" #name, trouble)
    FIND(ModelCreateFromFile); FIND(InterpreterOptionsCreate); FIND(InterpreterOptionsSetNumThreads);
    FIND(InterpreterOptionsSetErrorReporter); FIND(InterpreterCreate); FIND(InterpreterAllocateTensors);
    FIND(InterpreterResizeInputTensor); FIND(InterpreterInvoke); FIND(InterpreterGetInputTensorCount);
    FIND(InterpreterGetInputTensor); FIND(InterpreterGetOutputTensorCount); FIND(InterpreterGetOutputTensor);
    FIND(TensorType); FIND(TensorNumDims); FIND(TensorDim); FIND(TensorByteSize); FIND(TensorData); FIND(TensorName);
#undef FIND
    *(void **)&api.Version = dlsym(library, "TfLiteVersion");
    return !trouble->kind;
}

/* The last line counts: it says why, those before say where. */
static void report(void *data, const char *format, va_list rest)
{
    (void)data;
    vsnprintf(words, sizeof words, format, rest);
}

static bool refused(struct trouble *trouble, const char *what)
{
    return fail(trouble, "failed", "%s%s%s", what, words[0] ? ": " : "", words);
}

/* Delegates are asked for with their own defaults (NULL), as their option structs grow from version to version. */
static bool add_delegate(void *library, TfLiteOptions *options, const struct request *request, struct trouble *trouble)
{
    const char *name = request->delegate;
    if (!name[0]) return true;
    bool xnnpack = strcmp(name, "xnnpack") == 0;
    if (!xnnpack && strcmp(name, "gpu") != 0) return fail(trouble, "unsupported", "no delegate '%s' here", name);
    if (xnnpack && request->threads > 1) return fail(trouble, "unsupported", "xnnpack is only offered on one thread here");
    void *(*create)(const void *);
    *(void **)&create = dlsym(library, xnnpack ? "TfLiteXNNPackDelegateCreate" : "TfLiteGpuDelegateV2Create");
    void (*add)(TfLiteOptions *, void *);
    *(void **)&add = dlsym(library, "TfLiteInterpreterOptionsAddDelegate");
    void *delegate = create && add ? create(NULL) : NULL;
    if (!delegate) return fail(trouble, "unsupported", "no delegate '%s' in this library", name);
    add(options, delegate);
    return true;
}

/* TfLiteType; numbers as LiteRtElementType. */
static enum type type_of(int type)
{
    static const enum type types[] = {
        [1] = FLOAT32, [2] = INT32, [3] = UINT8, [4] = INT64, [6] = BOOL, [7] = INT16, [9] = INT8, [10] = FLOAT16,
        [11] = FLOAT64, [13] = UINT64, [16] = UINT32, [17] = UINT16, [19] = BFLOAT16,
    };
    return type >= 0 && type < (int)(sizeof types / sizeof *types) ? types[type] : TYPE_NONE;
}

static bool describe(const TfLiteTensor *tensor, struct view *view)
{
    *view = (struct view){.name = api.TensorName(tensor), .type = type_of(api.TensorType(tensor))};
    view->shape.rank = api.TensorNumDims(tensor);
    if (view->shape.rank < 0 || view->shape.rank > MOST_RANK) return false;
    for (int at = 0; at < view->shape.rank; at++) view->shape.dims[at] = api.TensorDim(tensor, at);
    view->data = api.TensorData(tensor);
    view->size = api.TensorByteSize(tensor);
    return true;
}

/* Gives the inputs the shapes of the first set and makes room for all tensors. */
static bool resize(const struct request *request, const int chosen[], int count, struct trouble *trouble)
{
    for (int at = 0; at < count; at++) {
        const struct shape *shape = &request->input[chosen[at]]->feeds[0]->shape;
        struct view view;
        int dims[MOST_RANK];
        if (describe(api.InterpreterGetInputTensor(interpreter, at), &view) && same_shape(&view.shape, shape)) continue;
        for (int i = 0; i < shape->rank; i++) dims[i] = (int)shape->dims[i];
        if (api.InterpreterResizeInputTensor(interpreter, at, dims, shape->rank) != 0) {
            return refused(trouble, "input cannot be resized");
        }
    }
    return api.InterpreterAllocateTensors(interpreter) == 0 || refused(trouble, "tensors cannot be allocated");
}

static bool choose(const struct request *request, int chosen[], int *count, struct trouble *trouble)
{
    struct slot slots[MOST_INPUTS] = {{0}};
    *count = api.InterpreterGetInputTensorCount(interpreter);
    if (*count < 0 || *count > MOST_INPUTS) return fail(trouble, "unsupported", "%d inputs", *count);
    for (int at = 0; at < *count; at++) slots[at].name = api.TensorName(api.InterpreterGetInputTensor(interpreter, at));
    return match_inputs(request, slots, *count, chosen, trouble);
}

static bool load(void *library, const struct request *request, struct trouble *trouble)
{
    int chosen[MOST_INPUTS], count;
    if (!find_functions(library, trouble)) return false;
    TfLiteModel *model = api.ModelCreateFromFile(request->model);
    if (!model) return fail(trouble, "failed", "the model cannot be read");
    TfLiteOptions *options = api.InterpreterOptionsCreate();
    api.InterpreterOptionsSetNumThreads(options, request->threads);
    api.InterpreterOptionsSetErrorReporter(options, report, NULL);
    if (!add_delegate(library, options, request, trouble)) return false;
    interpreter = api.InterpreterCreate(model, options);
    if (!interpreter) return refused(trouble, "no interpreter for this model");
    return choose(request, chosen, &count, trouble) && resize(request, chosen, count, trouble);
}

static bool feed(const struct request *request, int set, struct trouble *trouble)
{
    int chosen[MOST_INPUTS], count;
    if (!choose(request, chosen, &count, trouble)) return false;
    for (int at = 0; at < count; at++) {
        const struct input *input = request->input[chosen[at]];
        const struct feed *from = input->feeds[set < input->sets ? set : input->sets - 1];
        struct view view;
        if (!describe(api.InterpreterGetInputTensor(interpreter, at), &view)) return refused(trouble, "no such input");
        if (!view.data || view.type == TYPE_NONE || view.type != from->type || !same_shape(&view.shape, &from->shape)) {
            return fail(trouble, "unsupported", "input %s is another type or shape than its feed", input->name);
        }
        if (!load_feed(from, (void *)(uintptr_t)view.data, view.size, trouble)) return false;
    }
    return true;
}

static bool run(void)
{
    return api.InterpreterInvoke(interpreter) == 0;
}

static void why(struct trouble *trouble)
{
    refused(trouble, "the inference failed");
}

static bool outputs(visit each, void *context, struct trouble *trouble)
{
    int32_t count = api.InterpreterGetOutputTensorCount(interpreter);
    for (int32_t at = 0; at < count && at < MOST_OUTPUTS; at++) {
        struct view view;
        if (!describe(api.InterpreterGetOutputTensor(interpreter, at), &view) || (view.size && !view.data)) {
            return fail(trouble, "unsupported", "output %d has no bytes", at);
        }
        if (!each(&view, context, trouble)) return false;
    }
    return true;
}

static const char *version(void)
{
    return api.Version ? api.Version() : "";
}

const struct engine tflite_engine = {
    .name = "tflite", .marker = "TfLiteInterpreterInvoke", .load = load, .feed = feed, .run = run, .outputs = outputs,
    .why = why, .version = version,
};
