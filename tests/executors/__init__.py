"""`deferrous.threads`: executors as pools, on threads, on processes and on a cluster of Dask."""
