"""`python -m stmota_daemon`: the daemon, for who starts it by the interpreter's path."""

import sys

from stmota_daemon.main import main

sys.exit(main())
