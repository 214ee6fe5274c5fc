/* An LED of three colours, a WS2812: the RMT makes its pulses. */
#include "driver/rmt_tx.h"
#include "esp_log.h"

#include "port.h"

#define TICKS_HZ 10000000U /* 0.1 us */
#define SHORT_TICKS 3U     /* 0.3 and 0.9 us: ESP-IDF's examples/peripherals/rmt/led_strip */
#define LONG_TICKS 9U
#define BLOCK_SYMBOLS 64U  /* a block of an ESP32's RMT; two of the others' */
#define BRIGHTNESS 16U     /* of 255: one looks at it */

static const char TAG[] = "led";

static struct {
    rmt_channel_handle_t channel;
    rmt_encoder_handle_t encoder;
    uint8_t bytes[3]; /* green, red, blue */
    bool is_stuck;
} s_rgb;

bool port_rgb_start(int pin)
{
    rmt_tx_channel_config_t channel = {
        .gpio_num = (gpio_num_t)pin,
        .clk_src = RMT_CLK_SRC_DEFAULT,
        .resolution_hz = TICKS_HZ,
        .mem_block_symbols = BLOCK_SYMBOLS,
        .trans_queue_depth = 2,
    };
    rmt_bytes_encoder_config_t bits = {
        .bit0 = {.duration0 = SHORT_TICKS, .level0 = 1, .duration1 = LONG_TICKS, .level1 = 0},
        .bit1 = {.duration0 = LONG_TICKS, .level0 = 1, .duration1 = SHORT_TICKS, .level1 = 0},
        .flags.msb_first = 1,
    };
    esp_err_t error = rmt_new_tx_channel(&channel, &s_rgb.channel);
    error = error == ESP_OK ? rmt_new_bytes_encoder(&bits, &s_rgb.encoder) : error;
    error = error == ESP_OK ? rmt_enable(s_rgb.channel) : error;
    if (error != ESP_OK) {
        ESP_LOGW(TAG, "GPIO%d drives no WS2812 (%s)", pin, esp_err_to_name(error));
    }
    return error == ESP_OK;
}

/* What is sent has long left when the next comes, a tick later. */
void port_rgb_show(unsigned int colour)
{
    rmt_transmit_config_t once = {.flags.queue_nonblocking = 1};
    s_rgb.bytes[0] = (colour & PORT_GREEN) != 0 ? BRIGHTNESS : 0;
    s_rgb.bytes[1] = (colour & PORT_RED) != 0 ? BRIGHTNESS : 0;
    s_rgb.bytes[2] = (colour & PORT_BLUE) != 0 ? BRIGHTNESS : 0;
    if (!s_rgb.is_stuck && rmt_transmit(s_rgb.channel, s_rgb.encoder, s_rgb.bytes, sizeof(s_rgb.bytes), &once) != ESP_OK) {
        s_rgb.is_stuck = true; /* what was sent a tick ago has not left (QEMU has no RMT); the log says it once */
    }
}
