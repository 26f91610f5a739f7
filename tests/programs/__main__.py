"""Starts the comparison."""

import sys

from tests.programs.compare import main

sys.exit(main())
