/* The engine task and the network task: how they run, sleep and wake each other. */
#include <unistd.h>

#include "esp_log.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "esp_vfs_eventfd.h"

#include "port.h"

#define LONGEST_SLEEP_US 1000000U /* well below the task watchdog's time */
#define SHORTEST_ALARM_US 30U     /* what takes less is not slept for */

static const char TAG[] = "bridge";

static struct {
    bridge_port_t *port;
    bridge_t *bridge;
    const bridge_config_t *config;
    TaskHandle_t starter;
} s_run;

uint64_t bridge_port_now_us(bridge_port_t *port)
{
    (void)port;
    return (uint64_t)esp_timer_get_time();
}

void bridge_port_lock(bridge_port_t *port)
{
    (void)xSemaphoreTake(port->lock, portMAX_DELAY);
}

void bridge_port_unlock(bridge_port_t *port)
{
    (void)xSemaphoreGive(port->lock);
}

void bridge_port_wake_engine(bridge_port_t *port)
{
    (void)xTaskNotifyGive(port->engine);
}

void bridge_port_wake_network(bridge_port_t *port)
{
    uint64_t one = 1;
    (void)write(port->bell, &one, sizeof(one));
}

static void IRAM_ATTR on_alarm(void *argument)
{
    BaseType_t is_woken = pdFALSE;
    vTaskNotifyGiveFromISR(((bridge_port_t *)argument)->engine, &is_woken);
    if (is_woken == pdTRUE) {
        esp_timer_isr_dispatch_need_yield();
    }
}

void port_tasks_prepare(bridge_port_t *port)
{
    esp_vfs_eventfd_config_t bells = {.max_fds = 1};
    esp_timer_create_args_t alarm = {
        .callback = on_alarm, .arg = port, .dispatch_method = ESP_TIMER_ISR, .name = "engine"};
    port->lock = xSemaphoreCreateMutexStatic(&port->lock_memory); /* with priority inheritance */
    PORT_NEEDS(esp_timer_create(&alarm, &port->alarm));
    PORT_NEEDS(esp_vfs_eventfd_register(&bells));
    port->bell = eventfd(0, 0);
    PORT_NEEDS(port->bell >= 0 ? ESP_OK : ESP_FAIL);
}

/* Until the alarm or a notification; the task watchdog hears from us at least once a second. */
static void engine_sleep(bridge_port_t *port, uint64_t wake_us)
{
    uint64_t due_us = port_uart_attend(port);
    uint64_t now_us = bridge_port_now_us(port);
    wake_us = due_us < wake_us ? due_us : wake_us;
    uint64_t left_us = wake_us > now_us ? wake_us - now_us : 0;
    if (left_us >= SHORTEST_ALARM_US) {
        left_us = left_us < LONGEST_SLEEP_US ? left_us : LONGEST_SLEEP_US;
        (void)esp_timer_start_once(port->alarm, left_us);
        (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
        (void)esp_timer_stop(port->alarm); /* it may have gone off: then there is nothing to stop */
    }
    (void)esp_task_wdt_reset();
}

static void give_up(const char *what)
{
    ESP_LOGE(TAG, "%s; restarting", what);
    esp_restart();
}

/* A setting that the UART cannot do must not keep the bridge, and its console, from running. */
static bool start_bridge(void)
{
    bridge_error_t error = bridge_start(s_run.bridge, s_run.port, s_run.config);
    if (error == BRIDGE_ERR_UNSUPPORTED) {
        bridge_config_t config = *s_run.config;
        config.console = (bridge_uart_t){.baud = 115200, .data_bits = 8, .stop_bits = 1};
        ESP_LOGE(TAG, "the UART cannot do the console's setting; it is 115200 8N1 until that is put right");
        error = bridge_start(s_run.bridge, s_run.port, &config);
    }
    return error == BRIDGE_OK;
}

static void run_engine(void *argument)
{
    (void)argument;
    bridge_port_t *port = s_run.port;
    PORT_NEEDS(esp_task_wdt_add(NULL));
    if (port_uart_open(port) != BRIDGE_OK || !start_bridge()) {
        give_up("the UART cannot be set up");
    }
    (void)xTaskNotifyGive(s_run.starter);
    for (;;) {
        uint64_t wake_us = UINT64_MAX;
        if (bridge_execute(s_run.bridge, &wake_us) == BRIDGE_ERR_PORT) {
            give_up("the UART does not work any more");
        }
        engine_sleep(port, wake_us);
    }
}

static void run_network(void *argument)
{
    (void)argument;
    PORT_NEEDS(esp_task_wdt_add(NULL));
    for (;;) {
        uint64_t wake_us = UINT64_MAX;
        port_secure_attend(s_run.bridge);
        bridge_serve(s_run.bridge, &wake_us);
        port_mdns_show(bridge_port_secure_state(s_run.port) == BRIDGE_SECURE_ON);
        port_led_show(port_network_state(), bridge_is_controlled(s_run.bridge));
        uint64_t latest_us = bridge_port_now_us(s_run.port) + LONGEST_SLEEP_US;
        port_sockets_wait(s_run.port, wake_us < latest_us ? wake_us : latest_us);
        (void)esp_task_wdt_reset();
    }
}

static void start_task(TaskFunction_t function, const char *name, uint32_t stack, UBaseType_t priority, int core,
                       TaskHandle_t *handle)
{
    BaseType_t is_made = xTaskCreatePinnedToCore(function, name, stack, NULL, priority, handle, core);
    PORT_NEEDS(is_made == pdPASS ? ESP_OK : ESP_ERR_NO_MEM);
}

void port_tasks_run(bridge_port_t *port, bridge_t *bridge, const bridge_config_t *config)
{
    s_run.port = port;
    s_run.bridge = bridge;
    s_run.config = config;
    s_run.starter = xTaskGetCurrentTaskHandle();
    start_task(run_engine, "engine", PORT_ENGINE_STACK, PORT_ENGINE_PRIORITY, PORT_ENGINE_CORE, &port->engine);
    (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    start_task(run_network, "network", PORT_NETWORK_STACK, PORT_NETWORK_PRIORITY, PORT_NETWORK_CORE, NULL);
}
