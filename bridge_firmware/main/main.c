#include "bridge_esp.h"

void app_main(void)
{
    bridge_esp_run();
}
