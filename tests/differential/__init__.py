"""Random programs that are run on two APIs, and whose every visible effect has to be the same.

A program is plain data, see `program`. `machine` lets hypothesis write one out of `strategies` while it
runs, and cut down what shows a difference; `world` runs an operation on a api and writes down what is seen,
and `compare` finds the first difference. `mutants` plants mistakes in a copy of Twisted's source, which the
machine has to find.

    python -m tests.differential --seed 7 --count 1000
    python -m tests.differential --program FILE

The first gives the same programs each time, the second runs one that was printed.
"""
