"""The part of CPython's tests of asyncio that `--quick` runs: what exercises the loop itself.

Of the tests of tasks, which are repeated for each pair of a Task and a Future in Python and in C, these are
those of the pair that programs have. All versions that are tested have these names.
"""

TASKS = (
    "test.test_asyncio.test_tasks.CTask_CFuture_Tests",
    "test.test_asyncio.test_tasks.CCurrentLoopTests",
    "test.test_asyncio.test_tasks.CIntrospectionTests",
    "test.test_asyncio.test_tasks.GenericTaskTests",
    "test.test_asyncio.test_tasks.RunCoroutineThreadsafeTests",
    "test.test_asyncio.test_tasks.SleepTests",
)

QUICK = (
    "test.test_asyncio.test_events",
    "test.test_asyncio.test_base_events",
    "test.test_asyncio.test_streams",
    "test.test_asyncio.test_locks",
    *TASKS,
    "test.test_asyncio.test_runners",
)
