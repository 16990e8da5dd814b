"""Run by `yizhan demo` as a process of its own."""

import sys

from gateway.demo.field.command import main

sys.exit(main(sys.argv[1:]))
