"""The configuration files of a one-node SLURM on loopback, as text (SLURM 22.05; every key is in `man slurm.conf`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GPUS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
"""What stands in for GPUs: SLURM wants a character device for each."""


@dataclass(frozen=True)
class Ports:
    """The TCP ports of a cluster's four daemons."""

    slurmctld: int
    slurmd: int
    slurmdbd: int
    mariadbd: int


@dataclass(frozen=True)
class Configuration:
    """What distinguishes one cluster from another; `first_job` also names its node."""

    folder: Path
    ports: Ports
    user: str
    first_job: int
    gpus: int
    accounting: bool
    cgroups: bool
    submit_limit: int | None = None

    @property
    def node(self) -> str:
        """The node's name, no other cluster's: SLURM names the node's cgroups after it."""
        return f"node{self.first_job}"

    def files(self) -> dict[str, str]:
        """File name -> content of all that the daemons read."""
        return {
            "slurm.conf": slurm_conf(self),
            "gres.conf": "".join(f"Name=gpu File={device}\n" for device in GPUS[: self.gpus]),
            "cgroup.conf": "CgroupPlugin=cgroup/v1\nConstrainRAMSpace=yes\nConstrainSwapSpace=yes\n",
            "slurmdbd.conf": slurmdbd_conf(self),
            "my.cnf": mariadbd_conf(self),
        }


def slurm_conf(cluster: Configuration) -> str:
    """slurm.conf: 16 pretended cores and 512 GB, four partitions, nobody's identity checked.

    `cred_expire` is how long a requeued job waits before it may start again.
    """
    return f"""\
ClusterName=test
FirstJobId={cluster.first_job}
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={cluster.ports.slurmctld}
SlurmdPort={cluster.ports.slurmd}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
SlurmUser={cluster.user}
SlurmdUser={cluster.user}
StateSaveLocation={cluster.folder}/state
SlurmdSpoolDir={cluster.folder}/spool
SlurmctldPidFile={cluster.folder}/slurmctld.pid
SlurmdPidFile={cluster.folder}/slurmd.pid
SlurmctldLogFile={cluster.folder}/slurmctld.log
SlurmdLogFile={cluster.folder}/slurmd.log
MailProg=/bin/true
{_enforcement(cluster)}
{_accounting(cluster)}
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=2000
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
MinJobAge=86400
KillWait=5
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={cluster.node} NodeAddr=127.0.0.1 CPUs=16 RealMemory=512000 Gres=gpu:{cluster.gpus} State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES PriorityTier=1 GraceTime=10
PartitionName=nograce Nodes=ALL PriorityTier=1 GraceTime=0
PartitionName=short Nodes=ALL PriorityTier=1 MaxTime=5
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF
"""


def _enforcement(cluster: Configuration) -> str:
    """How a job's processes are found and its memory is limited.

    Without cgroups SLURM itself kills what is over its memory, and calls that FAILED instead of OUT_OF_MEMORY.
    """
    gather = "JobAcctGatherType=jobacct_gather/linux\nJobAcctGatherFrequency=task=1"
    if cluster.cgroups:
        return f"ProctrackType=proctrack/cgroup\nTaskPlugin=task/cgroup\n{gather}"
    return f"ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n{gather}\nJobAcctGatherParams=OverMemoryKill"


def _accounting(cluster: Configuration) -> str:
    if not cluster.accounting:
        return "AccountingStorageType=accounting_storage/none"
    enforced = "" if cluster.submit_limit is None else "AccountingStorageEnforce=limits,qos\n"
    return f"""\
{enforced}AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={cluster.ports.slurmdbd}
AccountingStorageTRES=gres/gpu"""


def slurmdbd_conf(cluster: Configuration) -> str:
    """slurmdbd.conf: the accounting daemon, over TCP to mariadbd."""
    return f"""\
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={cluster.ports.slurmdbd}
SlurmUser={cluster.user}
AuthType=auth/none
CommunicationParameters=NoInAddrAny
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={cluster.ports.mariadbd}
StorageUser=root
StorageLoc=slurm
LogFile={cluster.folder}/slurmdbd.log
PidFile={cluster.folder}/slurmdbd.pid
"""


def mariadbd_conf(cluster: Configuration) -> str:
    """my.cnf: small and, since the database ends with the cluster, never synced to the disk."""
    return f"""\
[mariadbd]
datadir={cluster.folder}/database
tmpdir={cluster.folder}
socket=mariadbd.sock
pid-file=mariadbd.pid
log-error={cluster.folder}/mariadbd.log
bind-address=127.0.0.1
port={cluster.ports.mariadbd}
user={cluster.user}
skip-name-resolve
innodb_buffer_pool_size=64M
innodb_log_file_size=16M
innodb_lock_wait_timeout=900
innodb_flush_log_at_trx_commit=0
innodb_flush_method=nosync
innodb_use_native_aio=0
aria_sync_log_dir=never
debug_no_sync=1
sync_frm=0
"""
