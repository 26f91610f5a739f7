"""Starts the comparison."""

import sys

from tests.conformance.compare import main

sys.exit(main())
