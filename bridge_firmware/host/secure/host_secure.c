/* Secure mode of this program's bridges: components/bridge_secure, with what is kept in the state directory. */
#include "bridge_secure.h"

#include "host_board.h"

bridge_security_t *bridge_port_security(bridge_port_t *port)
{
    return port->security;
}

bool host_open_security(bridge_port_t *port, const uint8_t *unique_id, bool is_forgotten)
{
    if (is_forgotten && bridge_port_forget(port, "secure") != BRIDGE_OK) {
        snprintf(port->trouble, sizeof(port->trouble), "%.200s/secure cannot be removed", port->state_dir);
        return false;
    }
    bridge_error_t error = bridge_security_open(port, unique_id, &port->security);
    if (error != BRIDGE_OK) {
        const char *what = error == BRIDGE_ERR_MALFORMED ? "secure cannot be used; --insecure forgets it"
                                                         : "secure: no randomness, or no memory";
        snprintf(port->trouble, sizeof(port->trouble), "%.150s/%s", port->state_dir, what);
        return false;
    }
    return true;
}

void host_close_security(bridge_port_t *port)
{
    bridge_security_close(port->security);
    port->security = NULL;
}

bool host_has_security(void)
{
    return true;
}
