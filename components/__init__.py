"""Pulumi resources only: values in, resources out. `flash_ticket` decides what they should be."""

import gc

# The provider's modules make hundreds of thousands of objects, and each of them lasts. Looking for garbage among them
# again and again takes a fifth of the program's time.
gc.set_threshold(1_000_000, 50, 1000)
