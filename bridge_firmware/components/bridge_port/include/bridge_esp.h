/* The bridge on an ESP32, from power-up on. */
#pragma once

/* Start everything; returns when the bridge runs, or restarts the chip when it cannot. */
void bridge_esp_run(void);
