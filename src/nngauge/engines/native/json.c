/* Reads JSON where it lies, value after value (RFC 8259). The first mistake sets `bad`, after which everything reads as
 * the end; so callers look at `bad` once, at the end. */
#include "runner.h"

#include <string.h>

static int peek(struct json *json)
{
    while (json->at < json->size && strchr(" \t\r\n", json->text[json->at]) && json->text[json->at]) json->at++;
    return json->bad || json->at >= json->size ? -1 : (unsigned char)json->text[json->at];
}

static bool wrong(struct json *json)
{
    json->bad = true;
    return false;
}

static bool take_char(struct json *json, char wanted)
{
    if (peek(json) != wanted) return wrong(json);
    json->at++;
    return true;
}

bool json_open(struct json *json, char bracket)
{
    return take_char(json, bracket);
}

/* Is there another member before the closing bracket? Eats the comma or the bracket. */
bool json_next(struct json *json, char bracket, bool *first)
{
    int next = peek(json);
    if (next == bracket) {
        json->at++;
        return false;
    }
    if (!*first && !take_char(json, ',')) return false;
    *first = false;
    return peek(json) >= 0 ? true : wrong(json);
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static int32_t hex4(struct json *json)
{
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = json->at < json->size ? hex_digit((unsigned char)json->text[json->at]) : -1;
        if (digit < 0) return -1;
        code = code * 16 + digit;
        json->at++;
    }
    return code;
}

/* The character after "\u"; NUL and lone surrogates are mistakes. */
static int32_t code_point(struct json *json)
{
    int32_t high = hex4(json);
    if (high < 0xD800 || high > 0xDFFF) return high > 0 ? high : -1;
    if (high > 0xDBFF || json->at + 2 > json->size || memcmp(json->text + json->at, "\\u", 2) != 0) return -1;
    json->at += 2;
    int32_t low = hex4(json);
    return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static int utf8(int32_t code, char bytes[4])
{
    if (code < 0x80) return bytes[0] = (char)code, 1;
    int extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const int lead[] = {0, 0xC0, 0xE0, 0xF0};
    bytes[0] = (char)(lead[extra] | (code >> (6 * extra)));
    for (int i = 1; i <= extra; i++) bytes[i] = (char)(0x80 | ((code >> (6 * (extra - i))) & 0x3F));
    return extra + 1;
}

static int32_t escaped(struct json *json)
{
    if (json->at >= json->size) return -1;
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = json->text[json->at++];
    if (c == 'u') return code_point(json);
    const char *found = c ? strchr(names, c) : NULL;
    return found ? meant[found - names] : -1;
}

/* A string of fewer than `room` bytes; a longer one is a mistake. */
bool json_string(struct json *json, char *into, size_t room)
{
    size_t size = 0;
    if (!take_char(json, '"')) return false;
    while (json->at < json->size) {
        char bytes[4] = {json->text[json->at++]};
        int count = 1;
        if (bytes[0] == '"') {
            into[size] = 0;
            return true;
        }
        if ((unsigned char)bytes[0] < 32) return wrong(json);
        if (bytes[0] == '\\') {
            int32_t code = escaped(json);
            if (code < 0) return wrong(json);
            count = utf8(code, bytes);
        }
        if (size + (size_t)count >= room) return wrong(json);
        memcpy(into + size, bytes, (size_t)count);
        size += (size_t)count;
    }
    return wrong(json);
}

bool json_key(struct json *json, char *into, size_t room)
{
    return json_string(json, into, room) && take_char(json, ':');
}

static bool digits(struct json *json, double *value, int *count)
{
    *count = 0;
    while (json->at < json->size && json->text[json->at] >= '0' && json->text[json->at] <= '9' && *count < 40) {
        *value = *value * 10 + (json->text[json->at++] - '0');
        ++*count;
    }
    return *count > 0;
}

static bool eat(struct json *json, char c)
{
    bool there = json->at < json->size && json->text[json->at] == c;
    json->at += there;
    return there;
}

/* Our own, since strtod follows the locale. Exact for the numbers of a request, which are short. */
double json_number(struct json *json)
{
    double value = 0, fraction = 0, power = 0;
    int count = 0;
    peek(json);
    bool minus = eat(json, '-');
    if (json->bad || !digits(json, &value, &count)) return wrong(json);
    if (eat(json, '.')) {
        if (!digits(json, &fraction, &count)) return wrong(json);
        while (count-- > 0) fraction /= 10;
    }
    value += fraction;
    if (eat(json, 'e') || eat(json, 'E')) {
        bool down = eat(json, '-');
        if (!down) eat(json, '+');
        if (!digits(json, &power, &count) || power > 300) return wrong(json);
        for (int i = 0; i < (int)power; i++) value = down ? value / 10 : value * 10;
    }
    return minus ? -value : value;
}

static bool word(struct json *json, const char *wanted)
{
    size_t size = strlen(wanted);
    if (peek(json) < 0 || json->size - json->at < size || memcmp(json->text + json->at, wanted, size) != 0) return false;
    json->at += size;
    return true;
}

bool json_flag(struct json *json)
{
    if (word(json, "true")) return true;
    return word(json, "false") ? false : wrong(json);
}

static void skip_string(struct json *json)
{
    for (json->at++; json->at < json->size; json->at++) {
        if (json->text[json->at] == '"') {
            json->at++;
            return;
        }
        if (json->text[json->at] == '\\') json->at++;
    }
    json->bad = true;
}

/* Passes over one value of any kind, without looking closely: brackets must balance. */
void json_skip(struct json *json)
{
    int depth = 0;
    do {
        int next = peek(json);
        if (next < 0) json->bad = true;
        if (next == '"') {
            skip_string(json);
            continue;
        }
        if (next == '{' || next == '[') depth++;
        if (next == '}' || next == ']') depth--;
        if (depth < 0 || depth > MOST_DEPTH) json->bad = true;
        if (json->bad) return;
        json->at++;
    } while (depth > 0 && !json->bad);
    /* a number or a word goes on to the next separator */
    while (json->at < json->size && !strchr(",]} \t\r\n", json->text[json->at])) json->at++;
}
