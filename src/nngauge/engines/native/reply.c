/* Writes the Reply as one line of JSON. It is put together in one buffer that grows up to a bound. */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_REPLY = 64 << 20 };

static struct { char *text; size_t size, room; bool bad; } line;

struct written { char name[MOST_NAME]; enum type type; struct shape shape; size_t size; };
static struct written *written[MOST_OUTPUTS];
static int outputs;

struct operator { char name[256], kind[64], unit[32]; double ns; int calls; };
static struct operator *operators;
static int operator_count;

static void add(const char *bytes, size_t size)
{
    if (line.room - line.size < size) {
        size_t room = (line.size + size) * 2 + 4096;
        char *more = room > MOST_REPLY ? NULL : realloc(line.text, room);
        if (!more) {
            line.bad = true;
            return;
        }
        line.text = more;
        line.room = room;
    }
    memcpy(line.text + line.size, bytes, size);
    line.size += size;
}

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
    char text[256];
    va_list rest;
    va_start(rest, format);
    int size = vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    if (size > 0 && (size_t)size < sizeof text) add(text, (size_t)size);
}

/* Bytes of the UTF-8 character at `text`, 0 when it is none: engines hand out whatever the model's author wrote. */
static int utf8_size(const unsigned char *text)
{
    int size = text[0] < 0x80 ? 1 : text[0] >= 0xC2 && text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    if (size > 1 && (text[0] < 0xC2 || text[0] > 0xF4)) return 0;
    for (int i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0;
    }
    if (size == 3 && ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F))) return 0;
    if (size == 4 && ((text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F))) return 0;
    return size;
}

static void put_string(const char *text)
{
    const unsigned char *at = (const unsigned char *)(text ? text : "");
    add("\"", 1);
    while (*at) {
        int size = utf8_size(at);
        if (size == 0) add("\xEF\xBF\xBD", 3), size = 1; /* U+FFFD */
        else if (*at == '"' || *at == '\\') put("\\%c", *at);
        else if (*at < 32) put("\\u%04x", *at);
        else add((const char *)at, (size_t)size);
        at += size;
    }
    add("\"", 1);
}

static void put_member(const char *name, const char *value)
{
    put(",\"%s\":", name);
    put_string(value);
}

static void put_numbers(const char *name, const int64_t *numbers, int count)
{
    put(",\"%s\":[", name);
    for (int at = 0; at < count; at++) put(at ? ",%lld" : "%lld", (long long)numbers[at]);
    put("]");
}

static void put_trouble(const struct trouble *trouble)
{
    put(",\"trouble\":{\"kind\":\"%s\"", trouble->kind);
    put_member("reason", trouble->reason);
    put("}");
}

static void put_operators(void)
{
    put(",\"ops\":[");
    for (int at = 0; at < operator_count; at++) {
        const struct operator *op = &operators[at];
        put("%s{\"calls\":%d,\"nanoseconds\":%.1f", at ? "," : "", op->calls, op->ns);
        put_member("name", op->name);
        put_member("kind", op->kind);
        put_member("unit", op->unit);
        put("}");
    }
    put("]");
}

static void put_outputs(void)
{
    put(",\"outputs\":[");
    for (int at = 0; at < outputs; at++) {
        const struct written *one = written[at];
        put("%s{\"size\":%zu,\"dtype\":\"%s\",\"shape\":[", at ? "," : "", one->size, type_names[one->type]);
        for (int i = 0; i < one->shape.rank; i++) put(i ? ",%lld" : "%lld", (long long)one->shape.dims[i]);
        put("]");
        put_member("name", one->name);
        put("}");
    }
    put("]");
}

static void put_times(const struct reply *reply)
{
    const struct times *times = &reply->times;
    put(",\"load_ns\":%lld,\"first_ns\":%lld", (long long)reply->load_ns, (long long)reply->first_ns);
    put_numbers("warmup_ns", reply->warmup, reply->warmups);
    put_numbers("wall_ns", times->wall, times->count);
    put_numbers("cpu_ns", times->cpu, times->count);
    put_numbers("interrupted", times->interrupted, times->count);
    put(",\"settled\":%s", reply->settled ? "true" : "false");
    if (times->count) {
        put(",\"inferences_per_sample\":%lld,\"sample_cost_ns\":%.1f", (long long)times->per_sample, reply->sample_cost);
    }
    if (reply->load_bytes >= 0) put(",\"load_bytes\":%lld", (long long)reply->load_bytes);
    if (reply->peak_bytes >= 0) put(",\"peak_bytes\":%lld", (long long)reply->peak_bytes);
}

static void put_results(const struct reply *reply)
{
    put_times(reply);
    put_operators();
    put(",\"digests\":[");
    for (int at = 0; at < reply->sets; at++) put("%s\"%s\"", at ? "," : "", reply->digests[at]);
    put("],\"finite\":%s", reply->finite ? "true" : "false");
    put_outputs();
    if (reply->unit) put(",\"delegated\":{\"%s\":1}", reply->unit);
    if (reply->note) {
        put(",\"notes\":[");
        put_string(reply->note);
        put("]");
    }
}

/* Remembers what an output looked like. */
void tell_output(const struct view *view)
{
    struct written *one = outputs < MOST_OUTPUTS ? calloc(1, sizeof *one) : NULL;
    if (!one) return;
    copy_text(one->name, sizeof one->name, view->name ? view->name : "");
    one->type = view->type;
    one->shape = view->shape;
    one->size = view->size;
    written[outputs++] = one;
}

/* Adds one event of a profile to its operator; operators past the bound are left out. */
void tell_operator(const char *name, const char *kind, const char *unit, double ns)
{
    if (!operators && !(operators = calloc(MOST_OPS, sizeof *operators))) return;
    struct operator wanted = {.calls = 0};
    copy_text(wanted.name, sizeof wanted.name, name);
    copy_text(wanted.kind, sizeof wanted.kind, kind);
    copy_text(wanted.unit, sizeof wanted.unit, unit);
    int at = 0;
    while (at < operator_count && (strcmp(operators[at].name, wanted.name) || strcmp(operators[at].kind, wanted.kind))) at++;
    if (at == MOST_OPS) return;
    if (at == operator_count) operators[operator_count++] = wanted;
    operators[at].ns += ns;
    operators[at].calls++;
}

/* From sums over all runs to one inference. */
void divide_operators(int runs)
{
    for (int at = 0; at < operator_count; at++) {
        operators[at].ns /= runs;
        operators[at].calls = (operators[at].calls + runs / 2) / runs;
    }
}

bool write_all(int fd, const void *bytes, size_t size)
{
    const char *from = bytes;
    while (size) {
        ssize_t done = write(fd, from, size);
        if (done <= 0) return false;
        from += done;
        size -= (size_t)done;
    }
    return true;
}

bool write_reply(int fd, const struct reply *reply)
{
    put("{\"engine\":\"%s\"", reply->engine);
    put_member("version", reply->version);
    if (reply->trouble.kind) put_trouble(&reply->trouble);
    else put_results(reply);
    put("}\n");
    return !line.bad && write_all(fd, line.text, line.size);
}
