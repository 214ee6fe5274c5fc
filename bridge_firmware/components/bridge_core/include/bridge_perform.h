/* What the engine's own files share; of no use outside of them. */
#pragma once

#include "bridge_engine.h"

/* How a step stands. */
typedef enum {
    BRIDGE_STEP_DONE,
    BRIDGE_STEP_WAITS,
    BRIDGE_STEP_REPEATS,
    BRIDGE_STEP_FAILED,
} bridge_step_state_t;

bridge_step_state_t bridge_perform(bridge_engine_t *engine, uint64_t *wake_us);
bridge_step_state_t bridge_step_fails(bridge_engine_t *engine, bridge_error_t error);
bool bridge_step_reads(const bridge_step_t *step);
/* The place of the step in hand: step u16, length u16, bytes. */
uint8_t *bridge_output_place(bridge_engine_t *engine);
uint8_t *bridge_arrival_place(bridge_engine_t *engine);

/* Go on with a step that only reads. */
bridge_step_state_t bridge_perform_reading(bridge_engine_t *engine, uint64_t *wake_us);
bridge_step_state_t bridge_fails(bridge_engine_t *engine, bridge_cause_t cause, uint32_t got);
void bridge_set_output_length(bridge_engine_t *engine, size_t length);
/* Read what the UART has, once, into the inbox. */
bridge_error_t bridge_read_port(bridge_engine_t *engine, size_t *got);
/* Put what was received into the inbox, for the next step that reads. */
void bridge_keep(bridge_engine_t *engine, bridge_span_t data, uint64_t at_us);
/* The output of a Discard. */
void bridge_tell_dropped(bridge_engine_t *engine);
