#include "check.h"

check_test_t check_tests[CHECK_MOST_TESTS];
size_t check_count;

int main(int count, char **arguments)
{
    for (size_t i = 0; i < check_count; i++) {
        if (count == 2 && strcmp(check_tests[i].name, arguments[1]) == 0) {
            check_tests[i].run();
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "name one of these tests:\n");
    for (size_t i = 0; i < check_count; i++) {
        fprintf(stderr, "%s\n", check_tests[i].name);
    }
    return EXIT_FAILURE;
}
