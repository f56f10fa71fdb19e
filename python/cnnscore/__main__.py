"""The command `cnnscore`, and `python -m cnnscore`."""

import atexit
import os
import signal
import sys


def main() -> int:
    """Run the command line of this process; its exit code."""
    ended: list[int] = []
    atexit.register(_leave, ended)  # the first, which comes last
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while imports run: no traceback
    from cnnscore import cli, streams

    streams.guard()
    ended.append(cli.main())
    return ended[0]


def _leave(ended: list[int]) -> None:
    """Leave at once: to take the interpreter and its libraries apart costs 0.03 s of CPU."""
    from cnnscore.errors import BadOutput

    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except BadOutput as error:
        print(f"cnnscore: error: {error}", file=sys.stderr, flush=True)
        ended = [code or error.exit_code for code in ended]
    except (OSError, ValueError):
        return  # full, or closed: Python says so at its own end
    for code in ended:  # none where an exception is the end
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
