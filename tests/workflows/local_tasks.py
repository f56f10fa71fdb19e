"""miniwdl runs tasks in containers: here they are processes of this machine, by a plugin of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from WDL.runtime.task_container import TaskContainer


class LocalTasks(TaskContainer):  # type: ignore[misc]
    """A plugin of the group miniwdl.plugin.container_backend."""

    @classmethod
    def global_init(cls, cfg: Any, logger: Any) -> None:
        pass

    @classmethod
    def detect_resource_limits(cls, cfg: Any, logger: Any) -> dict[str, int]:
        return {"cpu": len(os.sched_getaffinity(0)), "mem_bytes": 2**32}

    def __init__(self, cfg: Any, run_id: str, host_dir: str) -> None:
        super().__init__(cfg, run_id, host_dir)
        self.container_dir = host_dir

    def _run(self, logger: Any, terminating: Callable[[], bool], command: str) -> int:
        for source, name in self.input_path_map.items():
            link = Path(self.host_work_path(name))
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
        with (
            Path(self.host_stdout_txt()).open("wb") as out,
            Path(self.host_stderr_txt()).open("wb") as err,
        ):
            run = subprocess.run(
                ["bash", "-c", command],
                cwd=self.host_work_dir(),
                stdout=out,
                stderr=err,
                check=False,
            )
        return run.returncode
