"""`python -m radio_export`: the same program as the console script `radio-export`."""

import sys

from radio_export.cli import main

if __name__ == "__main__":
    sys.exit(main())
