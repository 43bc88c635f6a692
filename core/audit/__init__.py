"""The audit log: who did what to which object, append-only, in a chain that shows any change.

Rows are written by `recording`, chained by `sealing`, checked by `verification`.
"""
