/* Registers and bits: RM0008 Rev 21 (section named at each), core ones: PM0056 Rev 6. */
#include "board.h"

#include "tables.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define HSI_HZ 8000000u /* RM0008 7.2.2 */
#define TICK_HZ 1000u

/* RCC: RM0008 7.3 */
#define RCC_CR REGISTER(0x40021000u)
#define RCC_CR_HSION (1u << 0)
#define RCC_CR_HSIRDY (1u << 1)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CFGR REGISTER(0x40021004u)
#define RCC_CFGR_SWS (3u << 2)
#define RCC_APB2ENR REGISTER(0x40021018u)
#define RCC_APB2ENR_AFIOEN (1u << 0)
#define RCC_APB2ENR_IOPAEN (1u << 2)
#define RCC_APB2ENR_IOPCEN (1u << 4)
#define RCC_APB2ENR_USART1EN (1u << 14)
#define RCC_APB2RSTR REGISTER(0x4002100Cu)
#define RCC_APB2RSTR_USART1RST (1u << 14)

/* GPIO: RM0008 9.2 */
#define GPIOA_CRH REGISTER(0x40010804u)
#define GPIOC_CRH REGISTER(0x40011004u)
#define GPIOC_BSRR REGISTER(0x40011010u)
#define CRH_FIELD(pin) (0xFu << (((pin) - 8u) * 4u))
#define CRH_ALTERNATE_PUSH_PULL(pin) (0xBu << (((pin) - 8u) * 4u))
#define CRH_OUTPUT_2_MHZ(pin) (0x2u << (((pin) - 8u) * 4u))
#define LED_PIN 13u /* PC13 on the common boards; lit when low */

/* USART1: RM0008 27.6 */
#define USART1_SR REGISTER(0x40013800u)
#define USART_SR_TXE (1u << 7)
#define USART1_DR REGISTER(0x40013804u)
#define USART1_BRR REGISTER(0x40013808u)
#define USART1_CR1 REGISTER(0x4001380Cu)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_UE (1u << 13)

/* Device electronic signature: RM0008 30.1.1, flash size in KiB */
#define FLASH_SIZE_KIB (*(const volatile uint16_t *)0x1FFFF7E0u)
#define FLASH_START ((const uint8_t *)0x08000000u)

/* Core: PM0056 4.4, 4.5 */
#define SYSTICK_CTRL REGISTER(0xE000E010u)
#define SYSTICK_CTRL_ENABLE_INTERRUPT_CORE_CLOCK 7u
#define SYSTICK_LOAD REGISTER(0xE000E014u)
#define SYSTICK_VAL REGISTER(0xE000E018u)
#define NVIC_ICER ((volatile uint32_t *)0xE000E180u)
#define SCB_VTOR REGISTER(0xE000ED08u)

/* A breath is 4096 ticks: one pass over the sine table. */
#define BREATH_TICKS SINE_ENTRIES

static volatile uint32_t s_uptime_ms;
static uint32_t s_led_error;

static void use_internal_clock(void)
{
    RCC_CR |= RCC_CR_HSION;
    while ((RCC_CR & RCC_CR_HSIRDY) == 0) {
    }
    RCC_CFGR = 0; /* HSI, nothing divided */
    while ((RCC_CFGR & RCC_CFGR_SWS) != 0) {
    }
    RCC_CR &= ~RCC_CR_PLLON;
}

static void init_pins(void)
{
    RCC_APB2ENR |= RCC_APB2ENR_AFIOEN | RCC_APB2ENR_IOPAEN | RCC_APB2ENR_IOPCEN | RCC_APB2ENR_USART1EN;
    GPIOA_CRH = (GPIOA_CRH & ~CRH_FIELD(9u)) | CRH_ALTERNATE_PUSH_PULL(9u);
    GPIOC_CRH = (GPIOC_CRH & ~CRH_FIELD(LED_PIN)) | CRH_OUTPUT_2_MHZ(LED_PIN);
}

static void init_console(uint32_t baud)
{
    RCC_APB2RSTR |= RCC_APB2RSTR_USART1RST; /* the ROM leaves it with parity on */
    RCC_APB2RSTR &= ~RCC_APB2RSTR_USART1RST;
    USART1_BRR = (HSI_HZ + baud / 2u) / baud;
    USART1_CR1 = USART_CR1_UE | USART_CR1_TE;
}

static void init_tick(void)
{
    SYSTICK_LOAD = HSI_HZ / TICK_HZ - 1u;
    SYSTICK_VAL = 0;
    SYSTICK_CTRL = SYSTICK_CTRL_ENABLE_INTERRUPT_CORE_CLOCK;
}

void board_use_vectors(const void *vectors)
{
    SCB_VTOR = (uint32_t)vectors;
}

void board_init(uint32_t console_baud)
{
    NVIC_ICER[0] = 0xFFFFFFFFu;
    NVIC_ICER[1] = 0xFFFFFFFFu;
    use_internal_clock();
    init_pins();
    init_console(console_baud);
    init_tick();
    __asm__ volatile("cpsie i" ::: "memory");
}

void board_print(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((USART1_SR & USART_SR_TXE) == 0) {
        }
        USART1_DR = (uint8_t)*text;
    }
}

uint32_t board_uptime_ms(void)
{
    return s_uptime_ms;
}

size_t board_flash_size(void)
{
    return (size_t)FLASH_SIZE_KIB * 1024u;
}

const uint8_t *board_flash(void)
{
    return FLASH_START;
}

void board_sleep_until_tick(void)
{
    __asm__ volatile("wfi");
}

/* First-order sigma-delta: over many ticks the LED is lit for the share that `brightness` says. */
static void drive_led(uint32_t brightness)
{
    s_led_error += brightness;
    if (s_led_error >= LED_FULL) {
        s_led_error -= LED_FULL;
        GPIOC_BSRR = 1u << (LED_PIN + 16u);
    } else {
        GPIOC_BSRR = 1u << LED_PIN;
    }
}

void board_tick(void)
{
    uint32_t level;

    s_uptime_ms++;
    level = g_sine[s_uptime_ms % BREATH_TICKS];
    drive_led(g_led_brightness[level]);
}
