"""A real SLURM of one node with pretended GPUs, on loopback and without passwords: for tests and benchmarks only."""

from __future__ import annotations

import getpass
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Self

import slurm_processes
from slurm_config import Configuration, Ports
from slurm_processes import CGROUPS, NODE, end_cluster, kill_cluster

PACKAGES = ("slurm-wlm", "munge", "slurmdbd", "mariadb-server-core", "mariadb-client-core")
"""Where Debian has the programs."""
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "sacct", "slurmdbd", "mariadbd", "mariadb-install-db")
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
GIVES_UP_SECONDS = 15
"""After which slurmctld, which tries once a second for 10 s, tells a node that does not listen nothing more."""


def missing_programs() -> list[str]:
    """Return the programs that a cluster needs and this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


def cgroups_usable() -> bool:
    """Whether SLURM can limit a job's memory as on a real cluster: cgroup v1, as root."""
    return all(os.access(CGROUPS / controller / "tasks", os.W_OK) for controller in ("memory", "freezer"))


class SlurmCluster:
    """A cluster that starts on entering and ends, with every job, on leaving; two can run side by side.

    A job in the partition `debug` (the default) that gives way to one in `high` gets its own --signal and 10 s of
    grace, one in `nograce` SLURM's TERM at once; both are requeued. `short` takes
    jobs of any length, and starts those of 5 minutes at most. Without `accounting` sacct knows nothing.
    The logs lie in `folder` (empty, of a short path); without one they end with the cluster. At most 5 `gpus`.
    `submit_limit` is how many jobs it takes of a user at a time, of an hour at most; it needs `accounting`.
    """

    def __init__(
        self, folder: Path | None = None, *, accounting: bool = True, gpus: int = 2, submit_limit: int | None = None
    ) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="slurm-"))
        self.conf = self.folder / "slurm.conf"
        self._keep = folder is not None
        self._reserved = [_reserve_port() for _ in fields(Ports)]
        ports = Ports(*(reserved.getsockname()[1] for reserved in self._reserved))
        first_job = random.randrange(100_000, 10_000_000)
        user, cgroups = getpass.getuser(), cgroups_usable()
        self.configuration = Configuration(self.folder, ports, user, first_job, gpus, accounting, cgroups, submit_limit)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
        self.environment = inherited | {"PATH": PATH, "SLURM_CONF": str(self.conf)}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lost = 0.0

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException as error:
            error.add_note(self.logs())
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        ports, node = self.configuration.ports, self.configuration.node
        self._write_configuration()
        self._process(sys.executable, slurm_processes.__file__, str(self.conf), node)
        if self.configuration.accounting:
            self._install_database()
            self._daemon("mariadbd", f"--defaults-file={self.folder / 'my.cnf'}", port=ports.mariadbd)
            self._daemon("slurmdbd", "-D", port=ports.slurmdbd)
        self._daemon("slurmctld", "-D", "-c", port=ports.slurmctld)
        self._start_node()
        if self.configuration.submit_limit is not None:
            self._limit_submissions(self.configuration.submit_limit)

    def _limit_submissions(self, limit: int) -> None:
        """Let the user in, who has to have an account where limits hold, and limit the jobs that may be queued."""
        change = ("sacctmgr", "--immediate")
        self.run(*change, "add", "account", "test")
        self.run(*change, "add", "user", self.configuration.user, "account=test")
        limits = (f"MaxSubmitJobsPerUser={limit}", "MaxWall=60", "flags=DenyOnLimit")
        self.run(*change, "modify", "qos", "normal", "set", *limits)
        self.wait_for(lambda: "MaxWallPJ=60" in self.run("scontrol", "show", "assoc_mgr"), "the limits hold")

    def _start_node(self) -> None:
        self._daemon("slurmd", "-D", "-N", self.configuration.node, port=self.configuration.ports.slurmd)
        self.wait_for(lambda: self.node_state() in ("idle", "mixed", "allocated"), "the node is up")

    def _write_configuration(self) -> None:
        for name in ("state", "spool", "database", "jobs"):
            (self.folder / name).mkdir()
        for name, text in self.configuration.files().items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o600)  # slurmdbd refuses another mode

    def _install_database(self) -> None:
        install = self._process(
            "mariadb-install-db",
            f"--defaults-file={self.folder / 'my.cnf'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )
        if install.wait():
            raise RuntimeError("mariadb-install-db failed")

    def _daemon(self, name: str, *arguments: str, port: int) -> None:
        """Start one daemon and wait until it listens; raises RuntimeError where it does not."""
        daemon = self._process(name, *arguments)
        if not _within(120, lambda: daemon.poll() is not None or _listens(port)) or daemon.poll() is not None:
            raise RuntimeError(f"{name} did not start")

    def _process(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a process that Ctrl-C does not reach and whose input closes when this process ends."""
        with (self.folder / f"{Path(command[0]).name}.out").open("w") as out:
            process = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """Kill every daemon and job of the cluster."""
        end_cluster(self.conf, self.configuration.node)
        for process in self._processes:
            process.communicate()
        for reserved in self._reserved:
            reserved.close()
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self) -> str:
        """Return the last lines of what each program of the cluster has printed and logged."""
        paths = sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log")])
        tails = [(path, path.read_text(errors="replace").splitlines()[-20:]) for path in paths]
        return "\n".join("\n".join((f"--- {path}", *tail)) for path, tail in tails if tail)

    def run(self, *command: str, seconds: float = 300) -> str:
        """Return the output of a command that sees this cluster; raise RuntimeError where the command fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=seconds)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout.strip()

    def submit(self, command: str, *options: str) -> str:
        """Submit a shell command as a batch job with sbatch's options; its id."""
        return self.run("sbatch", "--parsable", f"--output={self.folder}/jobs/%j", *options, f"--wrap={command}")

    def output(self, job: str) -> str:
        """Return what a job of `submit` has printed so far."""
        path = self.folder / "jobs" / job
        return path.read_text() if path.exists() else ""

    def states(self) -> dict[str, str]:
        """Return the present state of every job, ended ones too, by slurmctld."""
        lines = self.run("squeue", "--noheader", "--states=all", "--array", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def accounting(self, job: str) -> list[str]:
        """Return the state of each run of a job, first to last, by sacct: a requeued job has several."""
        columns = ("--noheader", "--parsable2", "--allocations", "--duplicates", "--format=State")
        return [line.split()[0] for line in self.run("sacct", "-j", job, *columns).splitlines()]

    def steps(self, job: str) -> list[str]:
        """Return the states of a job's steps, the batch script's first; srun makes a step for each program."""
        lines = self.run("sacct", "-j", job, "--noheader", "--parsable2", "--format=JobID,State").splitlines()
        return [line.partition("|")[2].split()[0] for line in lines if "." in line.partition("|")[0]]

    def wait_for(self, predicate: Callable[[], bool], what: str, seconds: float = 240) -> None:
        """Wait until `predicate` holds; raises TimeoutError with all jobs and the ends of the logs."""
        if not _within(seconds, predicate):
            raise TimeoutError(f"not within {seconds} s: {what}\n{self.run('squeue', '--states=all')}\n{self.logs()}")

    def wait_for_state(self, job: str, state: str, seconds: float = 240) -> None:
        """Wait until slurmctld has a job in a state, such as RUNNING."""
        self.wait_for(lambda: self.states().get(job) == state, f"job {job} is {state}", seconds)

    def requeue(self, job: str) -> None:
        """Send a running job back into the queue, as an administrator does."""
        self.run("scontrol", "requeue", job)

    def cancel(self, job: str) -> None:
        """Cancel a job, as its owner does."""
        self.run("scancel", job)

    def clear(self) -> None:
        """Cancel every job, and wait until none is left on the node."""
        self.run("scancel", "--quiet", f"--user={self.configuration.user}")
        self.wait_for(lambda: not self.run("squeue", "--noheader"), "no job is left")

    def node_state(self) -> str:
        """Return the node's state by sinfo: idle, mixed, down, ..."""
        return self.run("sinfo", "--noheader", "--partition=debug", "--format=%T").rstrip("*")

    def fail_node(self) -> None:
        """Lose the node as by a power cut: kill slurmd and every job at once. SLURM requeues what ran on it."""
        kill_cluster(self.conf, NODE)
        self.run("scontrol", "update", f"nodename={self.configuration.node}", "state=down", "reason=test")
        self._lost = time.monotonic()

    def resume_node(self) -> None:
        """Bring the lost node back, not sooner than SLURM has given up telling it to kill the jobs that it had.

        A node that is back before would kill what was requeued meanwhile and runs on it, and SLURM call that FAILED.
        """
        time.sleep(max(0.0, self._lost + GIVES_UP_SECONDS - time.monotonic()))
        self._start_node()


def _reserve_port() -> socket.socket:
    """Bind a free port that nobody gets while the socket is open but a daemon, which binds with SO_REUSEADDR."""
    reserved = socket.socket()
    reserved.bind(("127.0.0.1", 0))
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return reserved


def _listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _within(seconds: float, predicate: Callable[[], bool]) -> bool:
    """Whether `predicate` came to hold in time."""
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
