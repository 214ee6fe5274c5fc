/* Tests in C: `TEST(name, "R12 R13") { … CHECK(…); }`, the rules of BRIDGE_PROTOCOL.md that it shows beside its name.
 *
 * A program of them runs the one that it is told: PROGRAM NAME. tests/firmware reads the names from the source. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*run)(void);
} check_test_t;

#define CHECK_MOST_TESTS 100

extern check_test_t check_tests[CHECK_MOST_TESTS];
extern size_t check_count;

#define TEST(name, rules)                                                                                            \
    static void test_##name(void);                                                                                   \
    __attribute__((constructor)) static void register_##name(void)                                                   \
    {                                                                                                                \
        check_tests[check_count++] = (check_test_t){#name, test_##name};                                             \
    }                                                                                                                \
    static void test_##name(void)

#define CHECK(condition)                                                                                             \
    do {                                                                                                             \
        if (!(condition)) {                                                                                          \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                  \
            exit(EXIT_FAILURE);                                                                                      \
        }                                                                                                            \
    } while (false)

#define CHECK_EQUAL(found, wanted)                                                                                   \
    do {                                                                                                             \
        long long found_value = (long long)(found);                                                                  \
        long long wanted_value = (long long)(wanted);                                                                \
        if (found_value != wanted_value) {                                                                           \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #found, found_value, wanted_value); \
            exit(EXIT_FAILURE);                                                                                      \
        }                                                                                                            \
    } while (false)
