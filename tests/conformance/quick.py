"""The parts of Twisted's suite that exercise what deferrous replaces, as arguments of trial.

One is for Deferreds, Failures, threads and tasks, and one for the reactor. Every release that is tested has
these. The slow parts of the suite are those that start processes, make keys
or shake hands; they are left to the whole run.
"""

DEFERREDS = (
    "twisted.test.test_defer",
    "twisted.internet.test.test_inlinecb",
    "twisted.internet.test.test_defer_await",
    "twisted.internet.test.test_defer_yieldfrom",
    # A Deferred as a Future of asyncio, and the other way round.
    "twisted.internet.test.test_asyncioreactor",
)

FAILURES = (
    "twisted.test.test_failure",
    # Failures that are sent, and that are logged.
    "twisted.spread.test.test_pbfailure",
    "twisted.logger.test",
    "twisted.test.test_log",
)

THREADS = (
    "twisted._threads.test",
    "twisted.internet.test.test_threads",
    "twisted.test.test_threadable",
    "twisted.test.test_threadpool",
    "twisted.test.test_threads",
    # Two that live in threads: databases and WSGI.
    "twisted.test.test_adbapi",
    "twisted.web.test.test_wsgi",
)

TASKS = (
    "twisted.internet.test.test_base",
    "twisted.internet.test.test_core",
    "twisted.internet.test.test_main",
    "twisted.internet.test.test_testing",
    "twisted.internet.test.test_time",
    "twisted.test.test_cooperator",
    "twisted.test.test_internet",
    "twisted.test.test_task",
)

#: Programs that are made of Deferreds. Trial comes first: it takes apart what tests return, and finds
#: unhandled errors.
USERS = (
    "twisted.trial",
    "twisted.application.test.test_internet",
    "twisted.cred.test",
    "twisted.internet.test.test_endpoints",
    "twisted.names.test",
    "twisted.protocols",
    "twisted.runner",
    "twisted.spread.test.test_pb",
    "twisted.test.test_amp",
    "twisted.test.test_loopback",
    "twisted.test.test_memcache",
    "twisted.test.test_policies",
    "twisted.web.test.test_agent",
    "twisted.web.test.test_flatten",
    "twisted.web.test.test_http2",
    "twisted.web.test.test_newclient",
)

QUICK = DEFERREDS + FAILURES + THREADS + TASKS + USERS

#: Here, a test that `explained.py` has waits for two minutes, so the others are named.
_FDSET = "twisted.internet.test.test_fdset.ReactorFDSetTestsBuilder_EPollReactorTests"
DESCRIPTORS = (
    f"{_FDSET}.test_addReader",
    f"{_FDSET}.test_addWriter",
    f"{_FDSET}.test_removeReader",
    f"{_FDSET}.test_removeWriter",
    f"{_FDSET}.test_getReaders",
    f"{_FDSET}.test_getWriters",
    f"{_FDSET}.test_removeAll",
    f"{_FDSET}.test_removedFromReactor",
    f"{_FDSET}.test_negativeOneFileDescriptor",
    f"{_FDSET}.test_connectionLostOnShutdown",
)

#: Descriptors, timers, threads, signals and processes, with the transports that Twisted has on them.
REACTOR = (
    "twisted.internet.test.test_base",
    "twisted.internet.test.test_core",
    "twisted.internet.test.test_default",
    "twisted.internet.test.test_endpoints",
    "twisted.internet.test.test_epollreactor",
    "twisted.internet.test.test_main",
    "twisted.internet.test.test_posixbase",
    "twisted.internet.test.test_posixprocess",
    "twisted.internet.test.test_process",
    "twisted.internet.test.test_sigchld",
    "twisted.internet.test.test_socket",
    "twisted.internet.test.test_stdio",
    "twisted.internet.test.test_tcp",
    "twisted.internet.test.test_threads",
    "twisted.internet.test.test_time",
    "twisted.internet.test.test_udp",
    "twisted.internet.test.test_udp_internals",
    "twisted.internet.test.test_unix",
)

#: Programs that are made of these.
REACTORS_USERS = (
    "twisted.application.test.test_internet",
    "twisted.protocols.test.test_tls",
    "twisted.test.test_factories",
    "twisted.test.test_internet",
    "twisted.test.test_iutils",
    "twisted.test.test_loopback",
    "twisted.test.test_process",
    "twisted.test.test_stdio",
    "twisted.test.test_tcp",
    "twisted.test.test_tcp_internals",
    "twisted.test.test_threadpool",
    "twisted.test.test_threads",
    "twisted.test.test_twisted",
    "twisted.test.test_udp",
    "twisted.test.test_unix",
    "twisted.web.test.test_agent",
    "twisted.web.test.test_http",
)

QUICK_REACTOR = DESCRIPTORS + REACTOR + REACTORS_USERS
