"""Does it work: the proof of what was written, and a look at what is there."""
