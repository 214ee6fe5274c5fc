"""A virtual STM32 with a physical UART and flash, written from ST's documents alone."""
