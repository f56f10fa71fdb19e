"""The command `cnnscore`, and `python -m cnnscore`."""

import signal
import sys


def main() -> int:
    """Run the command line of this process; its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while imports run: no traceback
    from cnnscore import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
