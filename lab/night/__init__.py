"""The night of the demo: faults in the running shop, real packets that both layers stop, and what repairs them."""
