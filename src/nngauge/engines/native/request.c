/* Reads the Request. Members this program does not know are passed over, so that an older program serves a newer sender. */
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is(const char *key, const char *name)
{
    return strcmp(key, name) == 0;
}

static double number_in(struct json *json, double least, double most)
{
    double value = json_number(json);
    if (!(value >= least && value <= most)) json->bad = true;
    return value;
}

static int int_in(struct json *json, int least, int most)
{
    double value = number_in(json, least, most);
    if (json->bad || value != (double)(int)value) json->bad = true;
    return json->bad ? least : (int)value;
}

static enum type type_named(const char *name)
{
    for (int type = 1; type < TYPES; type++) {
        if (is(name, type_names[type])) return (enum type)type;
    }
    return TYPE_NONE;
}

static void read_shape(struct json *json, struct shape *shape)
{
    bool first = true;
    shape->rank = 0;
    json_open(json, '[');
    while (json_next(json, ']', &first)) {
        if (shape->rank == MOST_RANK) json->bad = true;
        if (json->bad) return;
        shape->dims[shape->rank++] = int_in(json, 0, INT32_MAX);
    }
}

static void read_feed(struct json *json, struct feed *feed)
{
    char key[32], type[32];
    bool first = true;
    json_open(json, '{');
    while (json_next(json, '}', &first) && json_key(json, key, sizeof key)) {
        if (is(key, "path")) json_string(json, feed->path, sizeof feed->path);
        else if (is(key, "shape")) read_shape(json, &feed->shape);
        else if (is(key, "dtype") && json_string(json, type, sizeof type)) feed->type = type_named(type);
        else json_skip(json);
        if (json->bad) return;
    }
}

static void read_sets(struct json *json, struct input *input)
{
    bool first = true;
    json_open(json, '[');
    while (json_next(json, ']', &first)) {
        if (input->sets < MOST_SETS) {
            struct feed *feed = calloc(1, sizeof *feed);
            if (!feed) json->bad = true;
            else read_feed(json, input->feeds[input->sets++] = feed);
        } else {
            json_skip(json);
        }
        if (json->bad) return;
    }
    if (input->sets == 0) json->bad = true;
}

static void read_inputs(struct json *json, struct request *request)
{
    bool first = true;
    json_open(json, '{');
    while (json_next(json, '}', &first)) {
        struct input *input = request->inputs < MOST_INPUTS ? calloc(1, sizeof *input) : NULL;
        if (!input || !json_key(json, input->name, sizeof input->name)) {
            json->bad = true;
            return;
        }
        request->input[request->inputs++] = input;
        read_sets(json, input);
        if (json->bad) return;
    }
}

/* Only the lead file: the formats that these runtimes read have one. */
static void read_files(struct json *json, struct request *request)
{
    bool first = true;
    json_open(json, '[');
    while (json_next(json, ']', &first)) {
        if (request->model[0]) json_skip(json);
        else json_string(json, request->model, sizeof request->model);
    }
}

static void read_needed(struct json *json, struct request *request)
{
    bool first = true;
    json_open(json, '[');
    while (json_next(json, ']', &first)) {
        char *path = request->needed < MOST_NEEDED ? malloc(MOST_PATH) : NULL;
        if (!path || !json_string(json, path, MOST_PATH)) {
            json->bad = true;
            return;
        }
        request->need[request->needed++] = path;
    }
}

static void read_member(struct json *json, const char *key, struct request *request)
{
    if (is(key, "files")) read_files(json, request);
    else if (is(key, "library")) json_string(json, request->library, sizeof request->library);
    else if (is(key, "needed")) read_needed(json, request);
    else if (is(key, "outputs")) json_string(json, request->outputs, sizeof request->outputs);
    else if (is(key, "delegate")) json_string(json, request->delegate, sizeof request->delegate);
    else if (is(key, "feeds")) read_inputs(json, request);
    else if (is(key, "threads")) request->threads = int_in(json, 1, MOST_THREADS);
    else if (is(key, "least_runs")) request->least_runs = int_in(json, 1, MOST_LEAST_RUNS);
    else if (is(key, "least_seconds")) request->least_seconds = number_in(json, 0, MOST_SECONDS);
    else if (is(key, "most_seconds")) request->most_seconds = number_in(json, 0, MOST_SECONDS);
    else if (is(key, "warmup_runs")) request->warmup_runs = int_in(json, 0, MOST_LEAST_RUNS);
    else if (is(key, "warmup_seconds")) request->warmup_seconds = number_in(json, 0, MOST_SECONDS);
    else if (is(key, "warmup_most")) request->warmup_most = number_in(json, 0, MOST_SECONDS);
    else if (is(key, "settle")) request->settle = number_in(json, 0, 1000);
    else if (is(key, "profile")) request->profile = json_flag(json);
    else if (is(key, "counted")) request->counted = json_flag(json);
    else json_skip(json);
}

static bool parse(struct json *json, struct request *request, struct trouble *trouble)
{
    char key[64] = "";
    bool first = true;
    json_open(json, '{');
    while (json_next(json, '}', &first) && json_key(json, key, sizeof key)) {
        read_member(json, key, request);
        if (json->bad) break;
    }
    if (json->bad) return fail(trouble, "failed", "bad request: %s, at byte %zu", key, json->at);
    if (!request->model[0] || !request->library[0]) return fail(trouble, "failed", "bad request: no model or no library");
    return true;
}

/* Bytes of standard input; more than `room` when there are more than that, -1 for none. */
static ssize_t receive(char *text, size_t room)
{
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size < room) {
        got = read(0, text + size, room - size);
        if (got > 0) size += (size_t)got;
    }
    return got < 0 ? -1 : (ssize_t)size;
}

bool read_request(struct request *request, struct trouble *trouble)
{
    *request = (struct request){
        .threads = 1, .least_runs = 30, .least_seconds = 1, .most_seconds = 20, .warmup_runs = 5, .warmup_seconds = 0.5,
        .warmup_most = 30, .settle = 0.03,
    };
    char *text = malloc(MOST_REQUEST + 1);
    ssize_t size = text ? receive(text, MOST_REQUEST + 1) : -1;
    if (size < 0) return fail(trouble, "failed", "bad request: cannot read it");
    if (size > MOST_REQUEST) return fail(trouble, "failed", "bad request: more than %d bytes", MOST_REQUEST);
    struct json json = {.text = text, .size = (size_t)size};
    return parse(&json, request, trouble);
}
