/* One launch of one model with a runtime library that is opened by its path: types that the parts of the program share.
 *
 * The program reads one Request (JSON, nngauge.engines._api) from standard input and writes one Reply line to standard
 * output. It is one process for one launch, so engines keep their state in static variables and nothing is freed that
 * the process needs until it ends. No errno, no stdio streams: bionic and glibc export those differently.
 */
#ifndef NNGAUGE_RUNNER_H
#define NNGAUGE_RUNNER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MOST_REQUEST = 1 << 20,     /* bytes of the request */
    MOST_DEPTH = 16,            /* of nested JSON values */
    MOST_PATH = 4096,
    MOST_NAME = 1024,
    MOST_NEEDED = 32,
    MOST_INPUTS = 64,
    MOST_OUTPUTS = 256,
    MOST_SETS = 2,              /* the second set is only run once, to see whether outputs depend on inputs */
    MOST_RANK = 8,
    MOST_OPS = 4096,            /* different operators of a profile */
    MOST_THREADS = 256,
    MOST_LEAST_RUNS = 100000,
    MOST_SECONDS = 86400,
    MOST_SAMPLES = 5000,        /* these six as nngauge.engines.timing; a test compares them */
    SHORTEST_NS = 1000000,
    PLANNED = 4000,
    WINDOWS = 5,
    CALIBRATION = 200,
    WAITED_NS = 20000,
    COUNTED_SECONDS = 10,       /* between two lines of a loop that counts: each wakes the process that keeps them */
};
#define MOST_FEED ((int64_t)1 << 30) /* bytes of one input */

/* Element types that a feed can have, by their names in nngauge.domain.graph.DType. */
enum type {
    TYPE_NONE, FLOAT64, FLOAT32, FLOAT16, BFLOAT16, INT64, INT32, INT16, INT8, UINT64, UINT32, UINT16, UINT8, BOOL, TYPES
};

struct shape {
    int rank;
    int64_t dims[MOST_RANK];
};

struct feed {
    char path[MOST_PATH];
    enum type type;
    struct shape shape;
};

struct input {
    char name[MOST_NAME];
    int sets;
    struct feed *feeds[MOST_SETS];
};

struct request {
    char model[MOST_PATH];
    char library[MOST_PATH];
    int needed;
    char *need[MOST_NEEDED];    /* libraries that `library` needs, opened before it */
    char outputs[MOST_PATH];
    char delegate[64];
    int inputs;
    struct input *input[MOST_INPUTS];
    int threads;
    int least_runs;
    double least_seconds, most_seconds;
    int warmup_runs;
    double warmup_seconds, warmup_most, settle;
    bool profile;
    bool counted;
};

/* Why there are no times: kinds and words as nngauge.engines.Trouble. */
struct trouble {
    const char *kind;
    char reason[512];
};

/* Bytes of one output of the last inference; `data` is only valid during the visit. */
struct view {
    const char *name;
    enum type type;
    struct shape shape;
    const void *data;
    size_t size;
};

typedef bool (*visit)(const struct view *, void *context, struct trouble *);
typedef void (*tell_op)(const char *name, const char *kind, const char *unit, double ns);

/* A runtime's C API. A function that returns false has filled in the trouble. */
struct engine {
    const char *name;           /* as in the reply */
    const char *marker;         /* a symbol that only libraries with this API export */
    bool (*load)(void *library, const struct request *, struct trouble *);
    bool (*feed)(const struct request *, int set, struct trouble *);
    bool (*run)(void);          /* one inference and nothing else */
    bool (*outputs)(visit, void *context, struct trouble *);
    /* Tells every operator's time in some runs; how many these were, 0 with trouble. NULL where the API has no profile. */
    int (*profile)(const struct request *, int runs, tell_op, struct trouble *);
    void (*why)(struct trouble *); /* of the last run that failed */
    const char *(*version)(void);
    /* The accelerator, when all operators run there, "cpu" when some or all do not; NULL where that cannot be told. */
    const char *(*unit)(void);
};

extern const struct engine litert_engine, tflite_engine, ort_engine;

/* text.c */
bool fail(struct trouble *, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool copy_text(char *target, size_t room, const char *source);
void one_line(char *text);
int64_t file_size(int fd);
bool read_file(const char *path, void *into, size_t size, struct trouble *);
extern const char *const type_names[TYPES];
size_t type_size(enum type);
bool shape_bytes(const struct shape *, enum type, size_t *bytes);
bool same_shape(const struct shape *, const struct shape *);

/* json.c */
struct json {
    const char *text;
    size_t at, size;
    bool bad;
};
bool json_open(struct json *, char bracket);
bool json_next(struct json *, char bracket, bool *first);
bool json_string(struct json *, char *into, size_t room);
bool json_key(struct json *, char *into, size_t room);
double json_number(struct json *);
bool json_flag(struct json *);
void json_skip(struct json *);

/* request.c */
bool read_request(struct request *, struct trouble *);

/* reply.c */
struct times {
    int count;
    int64_t *wall, *cpu, *interrupted;
    int64_t per_sample;
};
struct reply {
    const char *engine, *version, *unit;
    struct trouble trouble;
    int64_t load_ns, first_ns, load_bytes, peak_bytes;
    int64_t *warmup;
    int warmups;
    struct times times;
    double sample_cost;
    bool settled, finite;
    int sets;
    char digests[MOST_SETS][65];
    const char *note;
};
void tell_output(const struct view *);
void tell_operator(const char *name, const char *kind, const char *unit, double ns);
void divide_operators(int runs);
bool write_reply(int fd, const struct reply *);
bool write_all(int fd, const void *bytes, size_t size);

/* timing.c */
int64_t wall_ns(void);
int64_t resident_bytes(const char *field);
bool timed(bool (*run)(void), int64_t count, int64_t *wall, int64_t *cpu);
double sample_cost(void);
bool warm_up(bool (*run)(void), const struct request *, struct reply *);
bool take(bool (*run)(void), const struct request *, struct reply *);

/* sha256.c */
struct sha256 {
    uint32_t state[8];
    uint64_t size;
    uint8_t block[64];
};
void sha256_begin(struct sha256 *);
void sha256_add(struct sha256 *, const void *bytes, size_t size);
void sha256_end(struct sha256 *, char hex[65]);

/* matching.c */
struct slot {
    const char *name, *other;   /* names that an input may be asked for by */
};
bool match_inputs(const struct request *, const struct slot *, int slots, int chosen[], struct trouble *);
bool load_feed(const struct feed *, void *into, size_t room, struct trouble *);
void *symbol(void *library, const char *name, struct trouble *);

#endif
