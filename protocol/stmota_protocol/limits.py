"""The numbers both sides of the bridge protocol keep to: caps in bytes and times in seconds.

Each stands in BRIDGE_PROTOCOL.md too. Changing one downwards breaks peers: treat them as wire format.
"""

HEADER_BYTES = 4
"""Length u16, type u8, port u8."""
MAX_PAYLOAD = 0xFFFF
"""What the length field can say. Only results come near it."""
MAX_FRAME = HEADER_BYTES + MAX_PAYLOAD
MAX_RESULT_FRAME = MAX_FRAME - 2
"""Largest BatchResult: it must fit a Welcome too, behind two bytes."""
MAX_SMALL_FRAME = HEADER_BYTES + 1024
"""Every frame up to Welcome (which may be longer), and every frame to a bridge whose largest batch is not
larger than this: a stranger makes nobody buffer more."""

MAX_NAME_BYTES = 64
"""Names of bridges and controllers. mDNS announces at most 63 of them (RFC 6763 §4.1.1)."""
MAX_FIRMWARE_BYTES = 32
MAX_TEXT_BYTES = 200
"""Closing's text: one sentence."""
MAX_SKIP = 16
"""Bytes one Expect may pass over: kept in the step itself by a firmware that does not allocate."""
MAX_CONSOLE_DATA = 1024
"""Console bytes in one frame: 11 ms at 921600 baud, and a log line is never held up by a longer one."""

MAX_PROJECT_BYTES = 32
"""What ESP-IDF gives a project's name in an image (esp_app_desc.h)."""
MAX_CHIP_BYTES = 16
MAX_KEY_BYTES = 15
"""A setting's key: NVS of ESP-IDF has no longer ones."""
MAX_VALUE_BYTES = 100
MAX_SETTINGS = 64
MAX_UPDATE_DATA = 1008
"""An image's bytes in one frame: small (R6), and whole blocks of 16 for an encrypted flash."""
MAX_UPDATE_AHEAD = 16 * 1024
"""What a bridge grants beyond what it has written: no more of an image stands before a batch."""
SHA256_BYTES = 32
MAX_SIGNATURE_BYTES = 80
"""Of ECDSA with P-256 in DER: 72 are the most (two integers of 33 bytes, 2 bytes before each and both)."""
MAX_CERTIFICATE_BYTES = 500
"""Of a certificate or a request in DER: with P-256 they have some 300 to 450, and two fit a small frame."""

UNIQUE_ID_BYTES = 8
BOOT_ID_BYTES = 8
CONTROLLER_ID_BYTES = 16
"""A UUID's worth: made once at random, never handed out by anyone."""

KEEP_ALIVE_S = 3.0
"""Each side sends something at least this often: two may be lost before the peer counts as dead."""
DEAD_PEER_S = 9.0
"""A peer silent for this long is dead: three keep-alives, and below the 10 s that users are promised."""
HELLO_WITHIN_S = 5.0
"""A connection that has not said hello by then is closed: a few round trips of a bad link."""
MAX_WAITING_CONNECTIONS = 4
"""Connections before Welcome. They never hold the controller's place."""
MAX_TLS_DATA = 4096
"""Bytes of one TLS record: a bridge with little memory has buffers of that size, not of TLS's 16 KiB."""
SECURE_WINDOW_S = 300.0
"""After power-up, and after the console opened it: for walking from the bridge to a keyboard."""
SAFE_LINES_AFTER_S = 10.0
"""Lines go to their safe levels when no controller came back for this long."""
ECHO_WITHIN_US = 50_000
"""An echo is back within this of the last stop bit: three latency timers of a USB adapter (FTDI: 16 ms)."""
