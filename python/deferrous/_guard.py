"""Importing this module checks that this Python and this Twisted are supported.

Every module that needs a supported Twisted imports it before Twisted. A failed import is not cached: the next
one checks again. It is Python because it has to run where the extension module cannot be loaded.
"""

from deferrous._versions import require_supported

require_supported()
