/* Lines of hexadecimal for the test programs. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static inline int hex_digit(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* Read bytes up to the first character that is no hex; return how many. */
static inline size_t hex_read(const char *text, uint8_t *data, size_t capacity)
{
    size_t length = 0;
    while (length < capacity && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0) {
        data[length++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
        text += 2;
    }
    return length;
}

static inline void hex_print(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        printf("%02x", data[i]);
    }
}
