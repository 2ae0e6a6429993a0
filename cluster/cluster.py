"""A Slurm cluster on this machine, to try things on: ``python cluster/cluster.py start | stop``.

Real slurmctld, slurmdbd with MariaDB, munge and four slurmd, from Debian's packages, without systemd; the
numbers of cores, bytes and GPUs are made up. Everything lies in one folder and listens on ports of its own;
processes are known, and stopped, by their pid files. Needs root, as slurmd starts jobs in users' names.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ.get("CLUSTER", "/var/tmp/touchstone-cluster"))  # noqa: S108  short: names of sockets end at 108 characters
PACKAGES = "slurmctld slurmd slurmdbd slurm-client munge mariadb-server"
PROGRAMS = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sacctmgr", "scontrol")
NODES = ("node1", "node2", "node3", "net1")
PORTS = {"slurmctld": 17817, "slurmdbd": 17819, "slurmd": 17901}  # the last: the first of four
SETTINGS = ("slurm.conf", "slurmdbd.conf", "gres.conf")
SYSTEM = Path("/etc/slurm")  # jobs look there: Snakemake's steps take every SLURM_... out of the environment
PATIENCE = 60.0  # seconds until something that was started must answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("start", "stop"))
    if parser.parse_args().what == "stop":
        stop()
        print(f"The cluster is stopped; its folder stays: {FOLDER}")
        return
    start()
    print(f"The cluster is up: {', '.join(NODES)}. Try: snakemake --profile profiles/slurm")


def start() -> None:
    """Start what is not running, from munge up, and wait until every node is idle or at work."""
    require()
    write_settings()
    environment = os.environ | {"MYSQL_UNIX_PORT": str(FOLDER / "mariadb.sock")}
    start_munge()
    start_mariadb()
    start_daemon("slurmdbd", ["slurmdbd"], environment)
    wait_for(["sacctmgr", "--noheader", "show", "cluster"], environment)
    for entry in ("cluster touchstone", "account research", "user root account=research"):
        call(["sacctmgr", "--immediate", "--quiet", "add", *entry.split()], environment, fine=(0, 1))  # 1: it is there
    start_daemon("slurmctld", ["slurmctld", "-i"], environment)
    wait_for(["scontrol", "ping"], environment)
    for node in NODES:
        start_node(node)
    wait_for(["scontrol", "show", "node"], environment, until=lambda text: "NOT_RESPONDING" not in text and "UNKNOWN" not in text)
    call(["scontrol", "update", f"nodename={','.join(NODES)}", "state=resume"], environment, fine=(0, 1))  # 1: none was down


def start_node(node: str) -> None:
    """Start the slurmd of one node, if it does not run."""
    start_daemon(f"slurmd-{node}", ["slurmd", "-N", node], os.environ)


def stop() -> None:
    """Stop everything, from the nodes down, jobs too."""
    if running("slurmctld"):
        call(["scancel", "--user=root"], os.environ, fine=(0, 1))
        wait_for(["squeue", "--noheader", "--states=running,completing"], os.environ, until=lambda text: not text.strip())
    for name in (*(f"slurmd-{node}" for node in NODES), "slurmctld", "slurmdbd", "mariadb", "munge"):
        end(name)
    for name in SETTINGS:
        if (SYSTEM / name).is_symlink():
            (SYSTEM / name).unlink()


def end(name: str, how: int = signal.SIGTERM) -> None:
    """End one daemon by its pid file, and wait until it is gone."""
    if pid := running(name):
        os.kill(pid, how)
        deadline = time.monotonic() + PATIENCE
        while running(name):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)  # it is no child of ours, so there is nothing to wait on


def running(name: str) -> int | None:
    """Process id of a daemon of this folder; None if it does not run (any more)."""
    try:
        pid = int((FOLDER / f"{name}.pid").read_text(encoding="ascii"))
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (OSError, ValueError):
        return None
    return pid if Path(words[0].decode()).name.startswith(name.split("-")[0]) and state != "Z" else None


def require() -> None:
    """Tell at once what is missing."""
    search = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [program for program in PROGRAMS if not shutil.which(program, path=search)]
    if missing:
        sys.exit(f"Not found: {', '.join(missing)}. On Debian or Ubuntu: apt-get install --no-install-recommends {PACKAGES}")
    if os.geteuid():
        sys.exit("The test cluster needs root: slurmd starts jobs in the names of users.")
    if (there := SYSTEM / "slurm.conf").exists() and there.resolve() != FOLDER / "slurm.conf":
        sys.exit(f"This machine belongs to another Slurm already: {there}")
    os.environ["PATH"] = search


def write_settings() -> None:
    """The folder with all settings; the node's numbers are those of slurm.conf beside this file."""
    FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    names = {"folder": FOLDER, "host": socket.gethostname().split(".")[0], **{f"{key}_port": port for key, port in PORTS.items()}}
    for name in (*SETTINGS, "scratch.sh"):
        text = (HERE / name).read_text(encoding="utf-8")
        for key, value in names.items():
            text = text.replace(f"@{key}@", str(value))
        path = FOLDER / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600 if name == "slurmdbd.conf" else 0o755)
    SYSTEM.mkdir(exist_ok=True)
    for name in SETTINGS:
        if not (SYSTEM / name).is_symlink():
            (SYSTEM / name).symlink_to(FOLDER / name)
    for number in range(4):
        device = FOLDER / f"nvidia{number}"
        if not device.is_symlink():
            device.symlink_to("/dev/null")
    for node in NODES:
        (FOLDER / "scratch" / node).mkdir(parents=True, exist_ok=True)


def start_munge() -> None:
    if running("munge"):
        return
    folder = FOLDER / "munge"
    folder.mkdir(mode=0o755, exist_ok=True)
    key = folder / "key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
    files = {"key-file": key, "pid-file": FOLDER / "munge.pid", "log-file": folder / "log", "seed-file": folder / "seed"}
    call(["munged", "--force", f"--socket={folder}/socket", *(f"--{name}={path}" for name, path in files.items())], os.environ)
    wait_for(["munge", "--no-input", f"--socket={folder}/socket"], os.environ)


def start_mariadb() -> None:
    if running("mariadb"):
        return
    data, where = FOLDER / "mariadb", f"--socket={FOLDER}/mariadb.sock"
    if not (data / "mysql").exists():
        call(["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db"], os.environ)
    options = ["--user=root", "--skip-networking", f"--datadir={data}", where, f"--pid-file={FOLDER}/mariadb.pid"]
    options += ["--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"]
    with open(FOLDER / "mariadb.log", "ab") as log:
        subprocess.Popen([shutil.which("mariadbd"), "--no-defaults", *options], stdout=log, stderr=log, start_new_session=True)
    wait_for(["mariadb-admin", "--no-defaults", where, "ping"], os.environ)


def start_daemon(name: str, command: list[str], environment: dict[str, str]) -> None:
    if not running(name):
        call(command, environment)


def call(command: list[str], environment: dict[str, str], fine: tuple[int, ...] = (0,)) -> str:
    """Run a command to its end; what it printed. Anything but a fine exit status ends us with what it said."""
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    text = done.stdout.decode(errors="replace")
    if done.returncode not in fine:
        sys.exit(f"{' '.join(command)} ended with status {done.returncode}; logs are in {FOLDER}\n{text}")
    return text


def wait_for(command: list[str], environment: dict[str, str], until=lambda text: True) -> None:
    """Until the command succeeds and ``until`` likes what it prints."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == 0 and until(done.stdout):
            return
        if time.monotonic() > deadline:
            sys.exit(f"{' '.join(command)} does not answer; logs are in {FOLDER}\n{done.stdout}{done.stderr}")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
