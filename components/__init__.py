"""Pulumi resources only: values in, resources out. `flash_ticket` decides what they should be."""

import atexit
import gc

# The provider's modules make hundreds of thousands of objects, and each of them lasts. To look for garbage among them
# again and again takes a fifth of the program's time, and to take them apart one by one at the end a third.
gc.set_threshold(1_000_000, 50, 1000)
atexit.register(gc.freeze)
