"""Every write of an engine run, one after the other, with what stood after it; and faults put in the way of any."""
