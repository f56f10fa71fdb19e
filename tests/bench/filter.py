"""filter.py BENCH_DATA [RECORDS]: `cnnscore filter` on a million records: speed and peak memory."""

import random
import subprocess
import sys
from pathlib import Path

from timing import median_seconds, print_row, run_once, run_repeatedly

RECORDS, RATE, PEAK_MB, BYTES = 1_000_000, 30_000, 150, 20
CONTIGS = [f"chr{i}" for i in range(1, 21)]
LENGTH = 60_000_000
SEED = 7

HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=LowQual,Description="Low quality">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Alleles">
##INFO=<ID=CNN_2D,Number=1,Type=Float,Description="Score">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=FS,Number=1,Type=Float,Description="Strand bias">
##INFO=<ID=MQ,Number=1,Type=Float,Description="Mapping quality">
##INFO=<ID=QD,Number=1,Type=Float,Description="Quality by depth">
##INFO=<ID=SOR,Number=1,Type=Float,Description="Strand odds ratio">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allele depths">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
"""


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    folder = Path(sys.argv[1]) / "filter"
    n = int(sys.argv[2]) if len(sys.argv) > 2 else RECORDS
    whole, tenth = _data(folder, n), _data(folder, n // 10)
    most = PEAK_MB + BYTES * max(0, n - RECORDS) / 1e6
    ok = True
    for kind in ("vcf.gz", "bcf"):
        command = _command(whole, kind, folder)
        runs = run_repeatedly(command, repeats=3)
        seconds = median_seconds(runs)
        cpu = min(run.cpu_seconds for run in runs)
        rate = n / seconds
        label = f"filter, {n:,} records, {kind} to {kind}, both passes"
        measured = f"{rate:,.0f}/s ({cpu:.1f} s of CPU)"
        ok = print_row(label, measured, f">= {RATE:,}/s", rate >= RATE) and ok
    peaks = [run_once(_command(data, "vcf.gz", folder)).peak_rss / 1e6 for data in (tenth, whole)]
    label = f"filter, {n:,} records: peak"
    ok = print_row(label, f"{peaks[1]:.0f} MB", f"<= {most:.0f} MB", peaks[1] <= most) and ok
    bytes_each = (peaks[1] - peaks[0]) * 1e6 / (n - n // 10)
    label = "filter: memory that a record adds, half of them known"
    ok = (
        print_row(label, f"{bytes_each:.0f} bytes", f"<= {BYTES} bytes", bytes_each <= BYTES) and ok
    )
    sys.exit(0 if ok else 1)


def _command(data: Path, kind: str, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "cnnscore", "filter", str(data / f"calls.{kind}"), "--quiet"]
    return [*command, "--resource", str(data / "known.vcf.gz"), "-o", str(folder / f"out.{kind}")]


def _data(folder: Path, n: int) -> Path:
    """Calls of a whole genome's shape, and known variants with half of them; made once."""
    data = folder / str(n)
    if (data / "done").exists():
        return data
    data.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    contigs = "".join(f"##contig=<ID={name},length={LENGTH}>\n" for name in CONTIGS)
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    with (data / "calls.vcf").open("w") as calls, (data / "known.vcf").open("w") as known:
        calls.write(f"{HEADER}{contigs}{columns}\tFORMAT\tNA12878\n")
        known.write(f"##fileformat=VCFv4.2\n{contigs}{columns}\n")
        for contig in CONTIGS:
            for pos in sorted(rng.sample(range(1, LENGTH), n // len(CONTIGS))):
                site = _site(rng, contig, pos)
                calls.write(f"{site}\t{_rest(rng)}\n")
                if rng.random() < 0.5:
                    known.write(f"{site}\t.\t.\t.\n")
    for name in ("calls", "known"):
        path = data / f"{name}.vcf"
        subprocess.run(["bcftools", "view", "-Oz", "-o", f"{path}.gz", path], check=True)
        subprocess.run(["bcftools", "index", "-t", f"{path}.gz"], check=True)
        path.unlink()
    calls_gz, bcf = str(data / "calls.vcf.gz"), str(data / "calls.bcf")
    subprocess.run(["bcftools", "view", "-Ob", "-o", bcf, calls_gz], check=True)
    (data / "done").touch()
    return data


def _site(rng: random.Random, contig: str, pos: int) -> str:
    ref, alt = rng.sample("ACGT", 2)
    if rng.random() < 0.15:
        ref, alt = rng.choice([(ref, ref + alt), (ref + alt, ref)])
    return f"{contig}\t{pos}\t.\t{ref}\t{alt}"


def _rest(rng: random.Random) -> str:
    depth = rng.randint(15, 60)
    score = f"{rng.gauss(3, 3):.3f}"
    info = f"AC=1;AF=0.500;AN=2;CNN_2D={score};DP={depth};FS={rng.random() * 9:.3f};MQ=60.00;"
    info += f"QD={rng.random() * 30:.2f};SOR={rng.random() * 3:.3f}"
    half = depth // 2
    genotype = f"0/1:{half},{depth - half}:{depth}:99:{depth * 20},0,{depth * 22}"
    return f"{depth * 12.5:.2f}\t.\t{info}\tGT:AD:DP:GQ:PL\t{genotype}"


if __name__ == "__main__":
    main()
