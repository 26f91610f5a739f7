"""The check that this Python and this Twisted are supported, made by importing this module.

Whatever of deferrous needs a supported Twisted imports it before Twisted, so that no way in goes around the
check. An import that fails is not remembered: the next one checks again. It is Python because it has to run
where the extension module cannot.
"""

from deferrous._versions import require_supported

require_supported()
