"""`python -m cnnscore`."""

import sys

from cnnscore.cli import main

sys.exit(main())
