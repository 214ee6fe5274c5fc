"""The edge in Python: batches executed over a serial port, and the soft bridge."""
