"""Random programs over pairs of connections, which have to look the same on stock Twisted and on ours.

A program (`program`) is data that a seed gives: two ends, what each does in its callbacks, and steps. A step
is done when the one before it has had all its effects (`settle`). A process (`__main__`) runs programs on one
reactor and prints what was seen (`machine`). `compare` puts two prints side by side, and cuts a program that
shows a difference down to what is needed for it.

What is chance is not seen, and programs stay away from what hangs on it:

- in which pieces bytes arrive, and which end is told first. Bytes are counted where none are on their way,
  and what each end is told stands by itself.
- how much the system takes of what nobody reads. A write is so small that it fits in any case, or so large
  that it never does.
- whether an answer goes out before the end of the connection is read. Where an end writes in its callbacks,
  the other one does not send and close in one step.
"""
