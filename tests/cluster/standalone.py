"""Start Spark's standalone master and workers as processes of this machine, kill some, and end all."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parents[2]
HOST = "127.0.0.1"
MARK = "UNHEARD_TEST_CLUSTER"  # in the environment of every process of a cluster
LIMIT_S = 60.0
QUICK_JAVA = "-XX:TieredStopAtLevel=1"  # compiles less, for processes that live for a minute


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true value of `condition`, asked ten times a second."""
    end_s = time.monotonic() + LIMIT_S
    while not (value := condition()):
        assert time.monotonic() < end_s, f"waited {LIMIT_S:g} s for {what}"
        time.sleep(0.1)
    return value


class Cluster:
    """A master and two workers with a core each. Use as a context manager.

    `settings` are those of a session with one executor of one core on each worker.
    """

    def __init__(self, folder: Path) -> None:
        spec = find_spec("pyspark")
        assert spec is not None
        assert spec.origin is not None
        self._home, self._folder, self._token = Path(spec.origin).parent, folder, uuid.uuid4().hex
        self._port, self._web_port = _free_port(), _free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._workers: list[subprocess.Popen[bytes]] = []
        self.master = f"spark://{HOST}:{self._port}"
        self.settings = {
            "spark.driver.bindAddress": HOST,
            "spark.driver.host": HOST,
            "spark.driver.memory": "512m",
            "spark.driver.extraJavaOptions": QUICK_JAVA,
            "spark.executor.cores": "1",
            "spark.executor.extraJavaOptions": QUICK_JAVA,
            "spark.executor.memory": "512m",
            "spark.local.dir": str(folder / "local"),
            "spark.sql.shuffle.partitions": "2",
            "spark.ui.enabled": "false",
        }

    def __enter__(self) -> Self:
        ports = ("--port", str(self._port), "--webui-port", str(self._web_port))
        self._start("master.Master", "--host", HOST, *ports)
        wait_until(self._alive_workers_known, "the master")
        self.start_workers()
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        for process in self._processes:
            _kill_group(process)
        wait_until(lambda: not self.processes(), f"the end of {self.processes()}")

    def start_workers(self) -> None:
        """Start as many workers as are missing, and wait until the master knows two."""
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        while len(self._workers) < 2:
            work = self._folder / f"work-{len(self._processes)}"
            options = ("--host", HOST, "--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", str(work))
            self._workers.append(self._start("worker.Worker", *options, self.master))
        wait_until(lambda: self._alive_workers() == 2, "two workers")

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """The processes of the workers."""
        return self._workers

    def kill_a_worker(self) -> None:
        """Kill a worker with its executor, as when a machine fails."""
        _kill_group(self._workers[0])

    def processes(self) -> list[int]:
        """Return the processes of the cluster that still run, executors and their Python processes among them."""
        wanted, found = f"{MARK}={self._token}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:  # it has ended
                continue
        return found

    def _start(self, role: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._folder / f"{len(self._processes)}-{role}.log"
        environment = os.environ | {
            MARK: self._token,
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_JAVA_OPTS": QUICK_JAVA,
            "SPARK_DAEMON_MEMORY": "256m",
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)]),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(self._home / "bin" / "spark-class"), f"org.apache.spark.deploy.{role}", *arguments],
                env=environment, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def _alive_workers_known(self) -> bool:
        return self._alive_workers() is not None

    def _alive_workers(self) -> int | None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self._web_port}/json/", timeout=5) as reply:
                return int(json.load(reply)["aliveworkers"])
        except OSError:
            return None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
