/* The UART, by ESP-IDF's driver.
 *
 * Received: the driver's interrupt moves bytes to its buffer, notes the time through the callback for select, and wakes
 * the engine. Up to 115200 baud every byte raises it; above, a third of a millisecond of bytes, or a silence of one
 * character: a reply's last byte waits 11 µs at 921600 baud.
 *
 * Sent: straight to the FIFO, and never more than 0.4 ms ahead: that, or two bytes, is what an Abort cannot take back (R29).
 * The FIFO is not emptied. On an ESP32 UART1's cannot be without UART2's, and uart_ll_txfifo_rst does nothing; on the others
 * it does, but is no API that ESP-IDF keeps (components/hal/README.md), only its driver's use before anything is sent is tried,
 * and what becomes of the byte on the line is not written down.
 *
 * RS-485's direction is switched here and not by the driver's mode for it. That one switches in the interrupt of TX_DONE, and
 * empties the receiver's FIFO there: of an echo, which the core compares, or of an answer that comes at once, bytes would
 * be missing. Here the engine, above all tasks, looks at the transmitter from 40 us before the last stop bit is reckoned. */
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
#define LET_GO_EARLY_US 40U   /* the engine is there before the last stop bit */
#define LONGEST_SPIN_US 10000U
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

static void set_pace(port_uart_t *state, const bridge_uart_t *uart)
{
    port_pace_set(&state->pace, uart);
    (void)uart_set_rx_full_threshold(UART, (int)state->pace.burst_bytes);
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
    bridge_uart_t uart = {.baud = 115200, .data_bits = 8, .stop_bits = 1}; /* as config; then what the core says */
    if (uart_driver_install(UART, RECEIVE_BYTES, 0, EVENTS, &state->events, ESP_INTR_FLAG_IRAM) != ESP_OK ||
        uart_param_config(UART, &config) != ESP_OK || !connect_pins(&port->settings)) {
        ESP_LOGE(TAG, "UART%d cannot be set up", (int)UART);
        return BRIDGE_ERR_PORT;
    }
    set_pace(state, &uart);
    uart_set_select_notif_callback(UART, on_uart);
    return BRIDGE_OK;
}

/* A driver without a buffer: 0 ticks is a look. */
static bool is_idle(void)
{
    return uart_wait_tx_done(UART, 0) == ESP_OK;
}

bridge_error_t bridge_port_write(bridge_port_t *port, bridge_span_t data, size_t *written)
{
    port_uart_t *state = &port->uart;
    uint64_t now_us = bridge_port_now_us(port);
    size_t room = port_pace_room(&state->pace, now_us);
    size_t length = data.length < room ? data.length : room;
    *written = 0;
    if (length > 0) {
        if (state->pace.uart.rs485 != 0 && !state->is_driving) {
            port_lines_drive(port, true);
            state->is_driving = true;
        }
        int count = uart_tx_chars(UART, (const char *)data.data, (uint32_t)length);
        if (count < 0) {
            return BRIDGE_ERR_PORT;
        }
        *written = (size_t)count;
    }
    port_pace_wrote(&state->pace, now_us, *written, data.length);
    return BRIDGE_OK;
}

static void take_event(port_uart_t *state, const uart_event_t *event)
{
    switch (event->type) {
    case UART_DATA:
        port_arrivals_add(&state->arrivals, s_noted.at_us[state->times_taken++ % EVENTS], event->size, state->pace.byte_ns,
                          event->timeout_flag ? state->pace.silence_us : 0);
        break;
    case UART_FRAME_ERR:
        state->errors.framing = bridge_count_up(state->errors.framing, 1);
        break;
    case UART_PARITY_ERR:
        state->errors.parity = bridge_count_up(state->errors.parity, 1);
        break;
    case UART_FIFO_OVF:
        state->errors.overrun = bridge_count_up(state->errors.overrun, 1); /* at least one byte; nobody counts them */
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
    size_t length = port_arrivals_take(&state->arrivals, capacity, state->pace.byte_ns, at_us);
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
    return port_pace_sent_us(&port->uart.pace);
}

/* For what is about to leave, or is stuck. */
static void wait_idle(bridge_port_t *port)
{
    while (!is_idle() && bridge_port_now_us(port) < port_pace_sent_us(&port->uart.pace) + LONGEST_SPIN_US) {
    }
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
    uint64_t sent_us = port_pace_sent_us(&state->pace);
    if (now_us < sent_us) {
        *ask_again_us = sent_us;
        return BRIDGE_WAIT;
    }
    if (!is_idle()) {
        *ask_again_us = now_us; /* at once: it is less than a byte */
        return now_us < sent_us + STUCK_US ? BRIDGE_WAIT : BRIDGE_ERR_PORT;
    }
    let_go(port);
    return BRIDGE_OK;
}

uint64_t port_uart_attend(bridge_port_t *port)
{
    port_uart_t *state = &port->uart;
    uint64_t now_us = bridge_port_now_us(port);
    uint64_t due_us = port_pace_due(&state->pace, now_us);
    uint64_t sent_us = port_pace_sent_us(&state->pace);
    if (!state->is_driving || due_us != PORT_NOT_DUE) {
        return due_us;
    }
    if (now_us + LET_GO_EARLY_US < sent_us) {
        return sent_us - LET_GO_EARLY_US;
    }
    wait_idle(port); /* the last bits: R40 wants the bus free within one of them */
    let_go(port);
    return PORT_NOT_DUE;
}

void bridge_port_drop_unsent(bridge_port_t *port)
{
    port->uart.pace.room_us = PORT_NOT_DUE; /* what is in the FIFO leaves */
}

bridge_error_t bridge_port_configure(bridge_port_t *port, const bridge_uart_t *uart)
{
    port_uart_t *state = &port->uart;
    bool has_direction = port->settings.wires[BRIDGE_USE_DIRECTION].pin != BRIDGE_NO_PIN;
    if (uart->baud == 0 || uart->baud > SOC_UART_BITRATE_MAX || uart->data_bits < 5 || uart->data_bits > 8 ||
        (uart->rs485 != 0 && !has_direction)) {
        return BRIDGE_ERR_UNSUPPORTED;
    }
    wait_idle(port); /* an Abort leaves what was in the FIFO */
    let_go(port);
    if (!apply(uart)) {
        (void)apply(&state->pace.uart);
        return BRIDGE_ERR_UNSUPPORTED;
    }
    set_pace(state, uart);
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
