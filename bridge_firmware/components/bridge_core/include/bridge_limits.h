/* The protocol's caps in bytes and times in microseconds. Each stands in BRIDGE_PROTOCOL.md: wire format. */
#pragma once

#include <stdint.h>

#define BRIDGE_HEADER_BYTES 4U           /* length u16, type u8, port u8 */
#define BRIDGE_PREAMBLE_BYTES 8U         /* "STMOTA", major, minor */
#define BRIDGE_PLAIN_MAJOR 1 /* as text they go into the image */
#define BRIDGE_PLAIN_MINOR 1
#define BRIDGE_MAJOR ((unsigned int)BRIDGE_PLAIN_MAJOR)
#define BRIDGE_MINOR ((unsigned int)BRIDGE_PLAIN_MINOR)
#define BRIDGE_MAX_FRAME 65539U          /* what the length field can say, and the header */
#define BRIDGE_MAX_SMALL_FRAME 1028U     /* R6: every frame before Welcome */
#define BRIDGE_MAX_RESULT_FRAME 65537U   /* R42: it must fit a Welcome, behind two bytes */

#define BRIDGE_MAX_NAME 64U
#define BRIDGE_MAX_FIRMWARE 32U
#define BRIDGE_MAX_TEXT 200U
#define BRIDGE_MAX_SKIP 16U
#define BRIDGE_MAX_RESIDUE 64U
#define BRIDGE_MAX_CONSOLE 1024U
#define BRIDGE_MAX_STEPS 1024U
#define BRIDGE_MAX_PROJECT 32U
#define BRIDGE_MAX_CHIP 16U
#define BRIDGE_MAX_WIRE_KEY 15U          /* of a setting */
#define BRIDGE_MAX_WIRE_VALUE 100U
#define BRIDGE_MAX_SETTINGS 64U
#define BRIDGE_MAX_UPDATE_DATA 1008U
#define BRIDGE_MAX_UPDATE_AHEAD 16384U   /* R64 */
#define BRIDGE_MAX_CERTIFICATE 500U       /* in DER; of a request for one, too */
#define BRIDGE_MAX_SIGNATURE 80U
#define BRIDGE_SHA256_BYTES 32U
#define BRIDGE_UNIQUE_ID_BYTES 8U
#define BRIDGE_BOOT_ID_BYTES 8U
#define BRIDGE_CONTROLLER_ID_BYTES 16U

#define BRIDGE_REQUEST_FIXED 14U         /* R41: a BatchRequest without steps, the whole frame */
#define BRIDGE_RESULT_FIXED 51U          /* a BatchResult without residue, outputs, arrivals */
#define BRIDGE_RESULT_BARE 115U          /* R41: the same with the longest residue */
#define BRIDGE_STEP_HEADER 3U            /* number u8, length u16 */
#define BRIDGE_OUTPUT_HEADER 4U          /* step u16, length u16 */
#define BRIDGE_ARRIVAL_BYTES 6U          /* step u16, u32 */
#define BRIDGE_DISCARD_OUTPUT 4U
#define BRIDGE_SENSE_OUTPUT 2U

#define BRIDGE_MAX_WAITING 4U            /* R13: connections before Welcome */
#define BRIDGE_HELLO_WITHIN_US 5000000U  /* R13 */
#define BRIDGE_SECURE_WINDOW_US 300000000U /* R68 */
#define BRIDGE_MAX_TLS_DATA 4096U        /* R73: of one record */
#define BRIDGE_KEEP_ALIVE_US 3000000U    /* R20 */
#define BRIDGE_DEAD_PEER_US 9000000U     /* R22 */
#define BRIDGE_SAFE_AFTER_US 10000000U   /* R24 */
#define BRIDGE_ECHO_WITHIN_US 50000U     /* R40 */
#define BRIDGE_FRAME_SPAN_US 20000U      /* R49: the bytes of one Console came within this */

#define BRIDGE_NO_STEP 0xFFFFU
#define BRIDGE_NO_GOT 0xFFFFFFFFU
#define BRIDGE_NO_BATCH 0xFFU            /* Greeting's outcome when no batch has ended */

_Static_assert(BRIDGE_RESULT_BARE == BRIDGE_RESULT_FIXED + BRIDGE_MAX_RESIDUE, "R41");
_Static_assert(BRIDGE_MAX_RESULT_FRAME + 2U == BRIDGE_MAX_FRAME, "R42");
