/* Texts, files and element types. */
#include "runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const type_names[TYPES] = {
    "", "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8",
    "uint64", "uint32", "uint16", "uint8", "bool",
};

bool fail(struct trouble *trouble, const char *kind, const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    vsnprintf(trouble->reason, sizeof trouble->reason, format, rest);
    va_end(rest);
    trouble->kind = kind;
    one_line(trouble->reason);
    return false;
}

bool copy_text(char *target, size_t room, const char *source)
{
    size_t size = strlen(source);
    if (size >= room) size = room - 1;
    memcpy(target, source, size);
    target[size] = 0;
    return source[size] == 0;
}

/* Control characters become spaces; the end goes without them. */
void one_line(char *text)
{
    size_t end = 0;
    for (size_t at = 0; text[at]; at++) {
        if ((unsigned char)text[at] < 32 || text[at] == 127) text[at] = ' ';
        if (text[at] != ' ') end = at + 1;
    }
    text[end] = 0;
}

int64_t file_size(int fd)
{
    int64_t size = lseek(fd, 0, SEEK_END);
    return lseek(fd, 0, SEEK_SET) == 0 ? size : -1;
}

static bool read_all(int fd, char *into, size_t size)
{
    while (size) {
        ssize_t got = read(fd, into, size);
        if (got <= 0) return false;
        into += got;
        size -= (size_t)got;
    }
    return true;
}

/* The whole file, which must have exactly `size` bytes. */
bool read_file(const char *path, void *into, size_t size, struct trouble *trouble)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(trouble, "failed", "cannot open %s", path);
    int64_t there = file_size(fd);
    bool good = there >= 0 && (uint64_t)there == size && read_all(fd, into, size);
    close(fd);
    if (!good) fail(trouble, "failed", "%s has %lld bytes, wanted %zu", path, (long long)there, size);
    return good;
}

size_t type_size(enum type type)
{
    switch (type) {
    case FLOAT64: case INT64: case UINT64: return 8;
    case FLOAT32: case INT32: case UINT32: return 4;
    case FLOAT16: case BFLOAT16: case INT16: case UINT16: return 2;
    case INT8: case UINT8: case BOOL: return 1;
    default: return 0;
    }
}

bool shape_bytes(const struct shape *shape, enum type type, size_t *bytes)
{
    int64_t product = (int64_t)type_size(type);
    for (int at = 0; at < shape->rank; at++) {
        if (shape->dims[at] < 0 || __builtin_mul_overflow(product, shape->dims[at], &product)) return false;
    }
    *bytes = (size_t)product;
    return product <= MOST_FEED;
}

bool same_shape(const struct shape *one, const struct shape *other)
{
    if (one->rank != other->rank) return false;
    for (int at = 0; at < one->rank; at++) {
        if (one->dims[at] != other->dims[at]) return false;
    }
    return true;
}
