"""Bytes only: no I/O, no clock. What stmota's parts say to each other and to the chip."""
