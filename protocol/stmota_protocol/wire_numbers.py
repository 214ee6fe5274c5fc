"""Every number of the wire that is not an enum of steps.py or messages.py: one table, append only."""

from enum import IntEnum, unique


@unique
class MessageType(IntEnum):
    """Wire numbers of the messages. Append only; 0 is never used.

    Reserved: the rest of 0x40-0x4F for settings, of 0x50-0x5F for update of the bridge's firmware,
    the rest of 0x60-0x6F for secure mode; 0xF0-0xFF are for experiments and never assigned.
    """

    GREETING = 0x01
    HELLO = 0x02
    WELCOME = 0x03
    BUSY = 0x04
    PING = 0x05
    PONG = 0x06
    UNSUPPORTED = 0x07
    CLOSING = 0x08
    BEGIN_RUN = 0x10
    BATCH_REQUEST = 0x11
    BATCH_RESULT = 0x12
    ABORT = 0x13
    END_RUN = 0x14
    CONSOLE = 0x20
    CONSOLE_GAP = 0x21
    CONSOLE_ACK = 0x22
    GET_SETTINGS = 0x40
    SETTINGS = 0x41
    SET_SETTINGS = 0x42
    SETTINGS_ANSWER = 0x43
    RESTART = 0x44
    UPDATE_BEGIN = 0x50
    UPDATE_STATUS = 0x51
    UPDATE_DATA = 0x52
    UPDATE_FINISH = 0x53
    UPDATE_CANCEL = 0x54
    SECURE_REQUEST = 0x60
    SECURE_CSR = 0x61
    SECURE_INSTALL = 0x62
    SECURE_ANSWER = 0x63


PORT_BOUND = frozenset(int(number) for number in MessageType if number >= MessageType.BEGIN_RUN)
"""Messages about one UART. The others are about the connection, and their port means nothing."""


@unique
class StepNumber(IntEnum):
    """Wire numbers of the steps. Append only; 0 is never used."""

    SEND = 0x01
    EXPECT = 0x02
    RECEIVE = 0x03
    RECEIVE_COUNTED = 0x04
    RECEIVE_UNTIL_QUIET = 0x05
    DISCARD = 0x06
    SET_LINES = 0x07
    SENSE = 0x08
    WAIT = 0x09
    CONFIGURE = 0x0A


KNOWN_STEPS = frozenset(int(number) for number in StepNumber)
"""What an edge built on this version puts into `EdgeIdentity.supported_steps`."""
