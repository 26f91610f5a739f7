"""The tests of `deferrous bench`. None of them depends on how long anything takes."""
