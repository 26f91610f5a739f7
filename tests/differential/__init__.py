"""Random programs that are run on two faces, and whose every visible effect has to be the same.

A program is plain data, see `program`. `generate` makes one from a number, `world` runs it on a face and
writes down what is seen, `compare` finds the first difference and `shrink` the smallest program that still
shows one. `mutants` plants mistakes in a copy of Twisted's source, which the machine has to find.

    python -m tests.differential --first 0 --count 1000
    python -m tests.differential --first 4711 --show
"""
