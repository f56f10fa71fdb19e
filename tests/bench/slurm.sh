#!/usr/bin/env bash
# slurm.sh: `score --cluster slurm` on a real SLURM of this machine alone, whose jobs are cancelled at three
# moments: equal to the byte to one process, nothing left over. As root, with Debian's slurmctld, slurmd,
# slurm-client and munge, and the extra cnnscore[cluster]; it ends what it starts.
set -euo pipefail
cd "$(dirname "$0")/../.."
for program in slurmctld slurmd squeue munged; do
  command -v "$program" >/dev/null || { echo "skipped: no $program here"; exit 0; }
done
data=$PWD/tests/data/synthetic cnnscore=$PWD/.venv/bin/cnnscore
folder=$(mktemp -d) host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf
finish() {
  scancel -u "$(id -un)" 2>/dev/null || true
  for file in "$folder"/*.pid; do
    pid=$(cat "$file") && kill "$pid" 2>/dev/null && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done || true
  done
  rm -rf "$folder"
}
trap finish EXIT
mkdir -p "$folder"/{state,spool,munge} && chmod 711 "$folder" && chown munge: "$folder/munge"
dd if=/dev/urandom bs=1 count=1024 of="$folder/munge/key" 2>/dev/null
chown munge: "$folder/munge/key" && chmod 400 "$folder/munge/key"
su -s /bin/sh munge -c "munged --key-file=$folder/munge/key --socket=$folder/munge/socket \
  --pid-file=$folder/munge/munged.pid --log-file=$folder/munge/log --seed-file=$folder/munge/seed --force"
ln -s munge/munged.pid "$folder/munged.pid"
cat >"$SLURM_CONF" <<END
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES State=UP
END
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
until sinfo -h -o %T 2>/dev/null | grep -q idle; do sleep 0.2; done
cat >"$folder/cluster.toml" <<END
[cluster]
cores = 1
memory = "500MB"
interface = "lo"
[workers]
jobs = 2
threads = 1
END
cd "$folder"
calls=("$data/calls.vcf.gz" -R "$data/ref.fa" -I "$data/reads.bam" --no-version)
"$cnnscore" score "${calls[@]}" -o one.vcf

# cancelled NAME SHARDS WHICH: when so many shards are done, the first job or all of them are cancelled.
cancelled() {
  local name=$1 shards=$2 which=$3 run before jobs
  before=$(squeue -h -t all -o %i | wc -l)
  "$cnnscore" score "${calls[@]}" -o "$name.vcf" --work work --shards 60 --cluster slurm --cluster-config cluster.toml &
  run=$!
  until [ -n "$(squeue -h -t running -o %i)" ] && [ "$(cat work/shards.jsonl 2>/dev/null | grep -c sha256)" -ge "$shards" ]; do
    kill -0 $run && sleep 0.1
  done
  scancel $(squeue -h -t running -o %i | if [ "$which" = all ]; then cat; else head -1; fi)
  wait $run
  jobs=$(squeue -h -t all -o %i | wc -l)
  cmp one.vcf "$name.vcf"
  [ ! -e work ]
  until [ -z "$(squeue -h -o %i)" ]; do sleep 0.1; done
  echo "$name: equal to the byte, nothing left over; $((jobs - before)) jobs"
  [ "$which" = first ] || [ $((jobs - before)) -gt 2 ]
}
cancelled a-job-that-starts 0 first
cancelled a-job-at-work 1 first
cancelled all-jobs 3 all # others take their place
