"""Score the calls of one sample, or one shard of them (`params.region`), with cnnscore."""

from shlex import quote

from snakemake.shell import shell

words = ["cnnscore", "score", snakemake.input.calls, "-R", snakemake.input.reference]
reads = snakemake.input.get("reads", [])
for name in [reads] if isinstance(reads, str) else reads:
    words += ["-I", name]
if network := snakemake.input.get("network"):
    words += ["-m", network]
if region := snakemake.params.get("region"):
    # a record belongs to the shard of its POS
    words += ["-r", region, "--regions-overlap", "pos"]
words += ["--threads", snakemake.threads, "-o", snakemake.output[0], "--quiet"]
command = " ".join(quote(str(word)) for word in words)
extra = snakemake.params.get("extra", "")
log = f"2> {quote(str(snakemake.log))}" if snakemake.log else ""
shell("{command} {extra} {log}")
