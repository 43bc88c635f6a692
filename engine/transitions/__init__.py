"""The only writer of a status. Every transition is one transaction: lock the run, change rows,
write the event.

`steps` takes one step through its life, `runs` a whole run; `flow` is what both share: what
follows from a step that settled. Lock order: the run, then its steps.
"""
