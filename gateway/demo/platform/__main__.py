"""`python -m gateway.demo.platform`."""

import sys

from gateway.demo.platform.command import main

sys.exit(main(sys.argv[1:]))
