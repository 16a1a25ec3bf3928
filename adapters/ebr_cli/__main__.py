"""``python -m ebr_cli``."""

import sys

from ebr_cli.command import main

sys.exit(main())
