"""What programs do to Twisted's transports, and what they see of them, on stock Twisted and on ours.

Each file is one idea with many cases (`cases`). A case is a coroutine that is given a `kit.Kit`: connections,
sockets as peers, and turns of the loop. What it returns is written down beside it, as stock Twisted has it.
All cases of a file run in one process for each reactor.
"""
