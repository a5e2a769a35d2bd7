/* Which feed belongs to which input of the model, and its bytes. */
#include "runner.h"

#include <dlfcn.h>
#include <string.h>

static int named(const struct request *request, const char *name)
{
    for (int at = 0; name && at < request->inputs; at++) {
        if (strcmp(request->input[at]->name, name) == 0) return at;
    }
    return -1;
}

/* By name, and what is left over in order, as nngauge.engines.loaded.matched. `chosen` has an index for each slot. */
bool match_inputs(const struct request *request, const struct slot *slots, int count, int chosen[], struct trouble *trouble)
{
    bool used[MOST_INPUTS] = {false};
    if (request->inputs != count) {
        return fail(trouble, "unsupported", "the engine wants %d inputs, there are %d", count, request->inputs);
    }
    for (int at = 0; at < count; at++) {
        chosen[at] = named(request, slots[at].name);
        if (chosen[at] < 0) chosen[at] = named(request, slots[at].other);
        if (chosen[at] >= 0 && used[chosen[at]]) chosen[at] = -1;
        if (chosen[at] >= 0) used[chosen[at]] = true;
    }
    for (int at = 0, next = 0; at < count; at++) {
        if (chosen[at] >= 0) continue;
        while (used[next]) next++; /* as many feeds as slots, so one is left */
        used[next] = true;
        chosen[at] = next;
    }
    return true;
}

bool load_feed(const struct feed *feed, void *into, size_t room, struct trouble *trouble)
{
    size_t size;
    if (!shape_bytes(&feed->shape, feed->type, &size) || size > room) {
        return fail(trouble, "failed", "the input has %zu bytes, the feed has another size", room);
    }
    return read_file(feed->path, into, size, trouble);
}

/* A function of the library, or trouble with its name. */
void *symbol(void *library, const char *name, struct trouble *trouble)
{
    void *found = dlsym(library, name);
    if (!found && !trouble->kind) fail(trouble, "missing", "the library does not export %s", name);
    return found;
}
