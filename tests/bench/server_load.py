"""server_load.py [--minutes N]: a server under clients of all kinds, good and bad, in flat memory.

Every 30 seconds a row: turns of each kind of client, and memory. The last third of the run may have
150 MB more than the first at most. The clients are those of tests/hosts/mixed_load.py.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from hosts.mixed_load import MixedLoad, resident
from hosts.server import make_windows, start_server
from hosts.tiny_network import write_tiny_networks

ROW_SECONDS = 30
MB = 1 << 20


def main() -> None:
    """Exit 1 when memory grows or a score is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        model = write_tiny_networks(Path(folder))["reads"]
        server = start_server(Path(folder), "--max-queue", 64, model=model)
        load = MixedLoad(server.address, make_windows("reads", model))
        begin, memory, said = time.monotonic(), [], [0.0]

        def look() -> None:
            memory.append(resident(server.process.pid))
            passed = time.monotonic() - begin
            if passed - said[-1] >= ROW_SECONDS:
                said.append(passed)
                turns = ", ".join(f"{kind} {count}" for kind, count in sorted(load.done.items()))
                print(f"{passed:5.0f} s  {memory[-1] / MB:6.0f} MB  {turns}", flush=True)

        load.run(lambda: time.monotonic() - begin > 60 * minutes, look, 60 * minutes + 60)
        code = server.stop()
    third = len(memory) // 3
    growth = (max(memory[-third:]) - max(memory[:third])) / MB
    print(f"the last third has {growth:.0f} MB more than the first; wrong: {load.done['wrong']}")
    sys.exit(0 if growth < 150 and not load.done["wrong"] and code == 0 else 1)


main()
