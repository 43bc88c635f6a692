"""The only writer of a status. Every transition is one transaction: lock the run, change rows,
write the event.

`steps` takes one step through its life, `waking` back from a wait that nobody has to end, `runs` a
whole run; `flow` is what they share: what follows from a step that settled. Lock order: the run,
then its steps.
"""
