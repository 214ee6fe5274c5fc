/* The grammar of the session fuzzer: messages that a bridge understands, with values that matter to it. */
#pragma once

#include "bridge_bytes.h"

/* A number below `below`, at random. */
typedef uint32_t (*fuzz_chance_t)(uint32_t below);

/* Append one message, or a few that belong together (an update, a batch behind its run), as frames. */
void fuzz_put_messages(bridge_writer_t *frames, fuzz_chance_t chance);
