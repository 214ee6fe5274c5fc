#include "bridge_hostname.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static bool is_alphanumeric(char one)
{
    return (one >= '0' && one <= '9') || (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z');
}

static bool is_hostname(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length >= BRIDGE_HOSTNAME_BYTES || name[0] == '-' || name[length - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(name[i]) && name[i] != '-') {
            return false;
        }
    }
    return true;
}

void bridge_hostname_of_id(const uint8_t *unique_id, char *host)
{
    snprintf(host, BRIDGE_HOSTNAME_BYTES, "stmota-%02x%02x%02x", unique_id[3], unique_id[4], unique_id[5]);
}

void bridge_hostname(const char *name, const uint8_t *unique_id, char *host)
{
    if (is_hostname(name)) {
        memcpy(host, name, strlen(name) + 1);
    } else {
        bridge_hostname_of_id(unique_id, host);
    }
}
