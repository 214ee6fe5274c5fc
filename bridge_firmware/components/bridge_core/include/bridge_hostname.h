/* What a bridge is called where a name with any characters will not do. */
#pragma once

#include <stdint.h>

#define BRIDGE_HOSTNAME_BYTES 33 /* ends with 0; ESP-IDF's DHCP client takes 32 characters (esp_netif_lwip.c) */

/* `stmota-` and the last three bytes of a MAC in hex: unique in a network, and what a new bridge is called.
 * `unique_id`: that MAC's six bytes come first. `host`: BRIDGE_HOSTNAME_BYTES. */
void bridge_hostname_of_id(const uint8_t *unique_id, char *host);

/* How a bridge calls itself to DHCP and, with `.local`, to mDNS: its name, where that is a host name (RFC 1123, 2.1:
 * letters, digits, hyphens in between) of 32 characters at most; else as above. */
void bridge_hostname(const char *name, const uint8_t *unique_id, char *host);
