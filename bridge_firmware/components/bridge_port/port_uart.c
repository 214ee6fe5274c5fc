/* The UART, by ESP-IDF's driver.
 *
 * Received: the driver's interrupt moves bytes to its buffer, notes the time through the callback for select, and wakes
 * the engine. Up to 115200 baud every byte raises it; above, a third of a millisecond of bytes, or a silence of one
 * character: a reply's last byte waits 11 µs at 921600 baud.
 *
 * Sent: straight to the FIFO, and never more than a millisecond ahead: UART1's and UART2's FIFO cannot be emptied on an
 * ESP32 (uart_ll_txfifo_rst, ESP-IDF), so that an Abort is at its end a millisecond later.
 *
 * RS-485's direction is switched here and not by the driver's mode for it, which drops what was received while it sent:
 * with an echo that is what the core compares. */
#include "driver/gpio.h"
#include "driver/uart.h"
#include "driver/uart_select.h"
#include "esp_attr.h"
#include "esp_log.h"
#include "soc/soc_caps.h"

#include "port.h"

#define UART UART_NUM_1       /* UART0 is the bridge's own console */
#define RECEIVE_BYTES 4096    /* 44 ms at 921600 baud: while the flash erases a sector no task runs */
#define EVENTS 64             /* bursts of received bytes, and errors */
#define SILENCE_CHARACTERS 1U /* the shortest the hardware knows */
#define EVERY_BYTE_BAUD 115200U
#define BURST_US 350U        /* above that: less than half of a FIFO at 3 Mbaud */
#define MOST_BURST_BYTES 64U /* half of the FIFO is left for the interrupt's delay */
#define AHEAD_US 1000U
#define MOST_AHEAD_BYTES 120U /* the FIFO has 128 */
#define LET_GO_EARLY_US 40U   /* the engine is there before the last stop bit */
#define STUCK_US 1000000U     /* a FIFO that takes this much longer does not send at all */

static const char TAG[] = "uart";

/* The interrupt's: when it took bytes. */
static struct {
    TaskHandle_t engine;
    volatile uint32_t count;
    uint64_t at_us[EVENTS];
} s_noted;

static portMUX_TYPE s_noting = portMUX_INITIALIZER_UNLOCKED;

static void IRAM_ATTR on_uart(uart_port_t uart, uart_select_notif_t what, BaseType_t *is_woken)
{
    (void)uart;
    if (what == UART_SELECT_READ_NOTIF) {
        s_noted.at_us[s_noted.count % EVENTS] = (uint64_t)esp_timer_get_time();
        s_noted.count = s_noted.count + 1;
    }
    vTaskNotifyGiveFromISR(s_noted.engine, is_woken);
}

static uint32_t character_bits(const bridge_uart_t *uart)
{
    return 1U + uart->data_bits + (uart->parity != 0 ? 1U : 0U) + uart->stop_bits;
}

/* What follows from the baud. */
static void set_pace(port_uart_t *state)
{
    uint32_t bits = character_bits(&state->now);
    uint32_t ahead = AHEAD_US * 1000U;
    state->byte_ns = (uint32_t)((uint64_t)bits * 1000000000U / state->now.baud);
    state->silence_us = SILENCE_CHARACTERS * state->byte_ns / 1000U;
    ahead /= state->byte_ns;
    state->most_waiting = ahead < 2 ? 2 : ahead < MOST_AHEAD_BYTES ? ahead : MOST_AHEAD_BYTES;
    uint32_t burst = state->now.baud <= EVERY_BYTE_BAUD ? 1U : BURST_US * 1000U / state->byte_ns;
    burst = burst < 1 ? 1 : burst < MOST_BURST_BYTES ? burst : MOST_BURST_BYTES;
    (void)uart_set_rx_full_threshold(UART, (int)burst);
    (void)uart_set_rx_timeout(UART, SILENCE_CHARACTERS);
}

static bool apply(const bridge_uart_t *uart)
{
    static const uart_parity_t parities[] = {UART_PARITY_DISABLE, UART_PARITY_EVEN, UART_PARITY_ODD};
    uart_stop_bits_t stop_bits = uart->stop_bits == 2 ? UART_STOP_BITS_2 : UART_STOP_BITS_1;
    uart_word_length_t length = (uart_word_length_t)(UART_DATA_5_BITS + (uart->data_bits - 5));
    return uart_set_baudrate(UART, uart->baud) == ESP_OK && uart_set_word_length(UART, length) == ESP_OK &&
           uart_set_parity(UART, parities[uart->parity]) == ESP_OK && uart_set_stop_bits(UART, stop_bits) == ESP_OK;
}

static bool connect_pins(const bridge_settings_t *settings)
{
    const bridge_wire_t *tx = &settings->wires[BRIDGE_USE_TX];
    const bridge_wire_t *rx = &settings->wires[BRIDGE_USE_RX];
    uint32_t inverted = (tx->is_inverted ? UART_SIGNAL_TXD_INV : UART_SIGNAL_INV_DISABLE) |
                        (rx->is_inverted ? UART_SIGNAL_RXD_INV : UART_SIGNAL_INV_DISABLE);
    /* Inverted before it is connected: an idle TX never shows a start bit. */
    if (uart_set_line_inverse(UART, inverted) != ESP_OK ||
        uart_set_pin(UART, tx->pin, rx->pin, UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE) != ESP_OK) {
        return false;
    }
    (void)gpio_input_enable((gpio_num_t)tx->pin); /* for Sense */
    /* A target that is off, or an RS-485 receiver that is, is no stream of zeros. Inputs only have no pulls. */
    (void)gpio_set_pull_mode((gpio_num_t)rx->pin, rx->is_inverted ? GPIO_PULLDOWN_ONLY : GPIO_PULLUP_ONLY);
    return true;
}

bridge_error_t port_uart_open(bridge_port_t *port)
{
    port_uart_t *state = &port->uart;
    uart_config_t config = {
        .baud_rate = 115200,
        .data_bits = UART_DATA_8_BITS,
        .parity = UART_PARITY_DISABLE,
        .stop_bits = UART_STOP_BITS_1,
        .flow_ctrl = UART_HW_FLOWCTRL_DISABLE,
        .source_clk = UART_SCLK_DEFAULT,
    };
    s_noted.engine = xTaskGetCurrentTaskHandle();
    state->room_us = UINT64_MAX;
    state->now = (bridge_uart_t){.baud = 115200, .data_bits = 8, .stop_bits = 1};
    if (uart_driver_install(UART, RECEIVE_BYTES, 0, EVENTS, &state->events, ESP_INTR_FLAG_IRAM) != ESP_OK ||
        uart_param_config(UART, &config) != ESP_OK || !connect_pins(&port->settings)) {
        ESP_LOGE(TAG, "UART%d cannot be set up", (int)UART);
        return BRIDGE_ERR_PORT;
    }
    set_pace(state);
    uart_set_select_notif_callback(UART, on_uart);
    return BRIDGE_OK;
}

/* A driver without a buffer: 0 ticks is a look. */
static bool is_idle(void)
{
    return uart_wait_tx_done(UART, 0) == ESP_OK;
}

/* Bytes that are in the FIFO, reckoned. */
static size_t waiting(const port_uart_t *state, uint64_t now_us)
{
    uint64_t left_us = state->sent_us > now_us ? state->sent_us - now_us : 0;
    return (size_t)((left_us * 1000U + state->byte_ns - 1U) / state->byte_ns);
}

bridge_error_t bridge_port_write(bridge_port_t *port, bridge_span_t data, size_t *written)
{
    port_uart_t *state = &port->uart;
    uint64_t now_us = bridge_port_now_us(port);
    size_t ahead = waiting(state, now_us);
    size_t room = ahead < state->most_waiting ? state->most_waiting - ahead : 0;
    size_t length = data.length < room ? data.length : room;
    *written = 0;
    if (length > 0) {
        if (state->now.rs485 != 0 && !state->is_driving) {
            port_lines_drive(port, true);
            state->is_driving = true;
        }
        int count = uart_tx_chars(UART, (const char *)data.data, (uint32_t)length);
        if (count < 0) {
            return BRIDGE_ERR_PORT;
        }
        *written = (size_t)count;
        state->sent_us = state->sent_us > now_us ? state->sent_us : now_us;
        state->sent_us += bridge_wire_time_us(&state->now, *written);
    }
    /* Again when half of it has left: the FIFO does not run dry in between. */
    uint64_t half_us = (uint64_t)(state->most_waiting / 2U) * state->byte_ns / 1000U;
    uint64_t half_left_us = state->sent_us > half_us ? state->sent_us - half_us : 0;
    state->room_us = *written < data.length ? half_left_us : UINT64_MAX;
    return BRIDGE_OK;
}

static void take_event(port_uart_t *state, const uart_event_t *event)
{
    switch (event->type) {
    case UART_DATA:
        port_arrivals_add(&state->arrivals, s_noted.at_us[state->times_taken++ % EVENTS], event->size, state->byte_ns,
                          event->timeout_flag ? state->silence_us : 0);
        break;
    case UART_FRAME_ERR:
        state->errors.framing++;
        break;
    case UART_PARITY_ERR:
        state->errors.parity++;
        break;
    case UART_FIFO_OVF:
        state->errors.overrun++; /* at least one byte; nobody counts them */
        break;
    default:
        break;
    }
}

static void take_events(port_uart_t *state)
{
    uart_event_t event;
    while (xQueueReceive(state->events, &event, 0) == pdTRUE) {
        take_event(state, &event);
    }
    /* Where more came than the queue holds, their times are lost with them. The interrupt is this core's. */
    taskENTER_CRITICAL(&s_noting);
    if (uxQueueMessagesWaiting(state->events) == 0) {
        state->times_taken = s_noted.count;
    }
    taskEXIT_CRITICAL(&s_noting);
}

bridge_error_t bridge_port_read(bridge_port_t *port, uint8_t *data, size_t capacity, size_t *got, uint64_t *at_us)
{
    port_uart_t *state = &port->uart;
    size_t buffered = 0;
    *got = 0;
    take_events(state);
    size_t length = port_arrivals_take(&state->arrivals, capacity, state->byte_ns, at_us);
    if (length == 0) { /* whose event was lost, or that waited for room in the driver's buffer */
        *at_us = bridge_port_now_us(port);
        if (uart_get_buffered_data_len(UART, &buffered) != ESP_OK) {
            return BRIDGE_ERR_PORT;
        }
        length = buffered < capacity ? buffered : capacity;
    }
    if (length > 0) {
        int count = uart_read_bytes(UART, data, (uint32_t)length, 0);
        if (count < 0) {
            return BRIDGE_ERR_PORT;
        }
        *got = (size_t)count;
    }
    return BRIDGE_OK;
}

uint64_t bridge_port_sent_by_us(bridge_port_t *port)
{
    return port->uart.sent_us;
}

static void let_go(bridge_port_t *port)
{
    if (port->uart.is_driving) {
        port_lines_drive(port, false);
        port->uart.is_driving = false;
    }
}

bridge_error_t bridge_port_is_sent(bridge_port_t *port, uint64_t *ask_again_us)
{
    port_uart_t *state = &port->uart;
    uint64_t now_us = bridge_port_now_us(port);
    if (now_us < state->sent_us) {
        *ask_again_us = state->sent_us;
        return BRIDGE_WAIT;
    }
    if (!is_idle()) {
        *ask_again_us = now_us; /* at once: it is less than a byte */
        return now_us < state->sent_us + STUCK_US ? BRIDGE_WAIT : BRIDGE_ERR_PORT;
    }
    let_go(port);
    return BRIDGE_OK;
}

uint64_t port_uart_attend(bridge_port_t *port)
{
    port_uart_t *state = &port->uart;
    uint64_t let_go_us = state->sent_us > LET_GO_EARLY_US ? state->sent_us - LET_GO_EARLY_US : 0;
    if (!state->is_driving) {
        return state->room_us;
    }
    if (bridge_port_now_us(port) < let_go_us || state->room_us != UINT64_MAX) {
        return let_go_us < state->room_us ? let_go_us : state->room_us;
    }
    while (!is_idle() && bridge_port_now_us(port) < state->sent_us + STUCK_US / 100U) {
        /* the last bits: R40 wants the bus free within one of them */
    }
    let_go(port);
    return UINT64_MAX;
}

void bridge_port_drop_unsent(bridge_port_t *port)
{
    port->uart.room_us = UINT64_MAX; /* what is in the FIFO leaves: AHEAD_US of it */
}

bridge_error_t bridge_port_configure(bridge_port_t *port, const bridge_uart_t *uart)
{
    port_uart_t *state = &port->uart;
    bool has_direction = port->settings.wires[BRIDGE_USE_DIRECTION].pin != BRIDGE_NO_PIN;
    if (uart->baud == 0 || uart->baud > SOC_UART_BITRATE_MAX || uart->data_bits < 5 || uart->data_bits > 8 ||
        (uart->rs485 != 0 && !has_direction)) {
        return BRIDGE_ERR_UNSUPPORTED;
    }
    while (!is_idle() && bridge_port_now_us(port) < state->sent_us + STUCK_US / 100U) {
        /* what an Abort left in the FIFO */
    }
    let_go(port);
    if (!apply(uart)) {
        (void)apply(&state->now);
        return BRIDGE_ERR_UNSUPPORTED;
    }
    state->now = *uart;
    set_pace(state);
    port_lines_drive(port, false);
    return BRIDGE_OK;
}

bridge_line_errors_t bridge_port_take_errors(bridge_port_t *port)
{
    take_events(&port->uart);
    bridge_line_errors_t errors = port->uart.errors;
    port->uart.errors = (bridge_line_errors_t){0};
    return errors;
}
