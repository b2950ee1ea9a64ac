"""`python -m clearway`: the command."""

import sys

from clearway.command import main

if __name__ == "__main__":
    sys.exit(main())
