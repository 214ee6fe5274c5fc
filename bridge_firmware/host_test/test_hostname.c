/* What a bridge calls itself to DHCP and mDNS. */
#include "bridge_hostname.h"
#include "check.h"

static const uint8_t ID[8] = {0x24, 0x0a, 0xc4, 0x12, 0x34, 0xef};

static void check_host(const char *name, const char *wanted)
{
    char host[BRIDGE_HOSTNAME_BYTES];
    memset(host, '?', sizeof(host));
    bridge_hostname(name, ID, host);
    CHECK(strcmp(host, wanted) == 0);
}

TEST(a_name_that_is_a_host_name_is_kept, "R55")
{
    check_host("lab-esp32", "lab-esp32");
    check_host("7", "7");
    check_host("Rack2--B", "Rack2--B");
    check_host("abcdefghijabcdefghijabcdefghij32", "abcdefghijabcdefghijabcdefghij32");
}

TEST(of_any_other_name_the_id_makes_one, "R55")
{
    static const char *const names[] = {"",        "-lab",   "lab-",  "lab 1",
                                        "lab.one", "lab_one", "\xc3\xa4", "abcdefghijabcdefghijabcdefghij-33"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        check_host(names[i], "stmota-1234ef");
    }
}
