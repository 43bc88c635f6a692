"""Generated input against what reads input: never an escape, never without an end.

`make fuzz` tries everything, `make fuzz SUBSET=1` and the ordinary tests a part. A failure prints
its seed; `FUZZ_SEED=<seed>` makes the same input again.
"""
