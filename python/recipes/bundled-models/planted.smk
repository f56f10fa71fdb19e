# Real reads with planted truth beside the simulated samples, where the configuration names a list.
import shlex

from planted import command, data_sets, listed

PLANTED = listed(located(config["planted"])) if config["planted"] else []
PLANT_CALLERS = {
    "gatk": f"java -Xmx2g -XX:+UseSerialGC -cp {shlex.quote(str(GATK))}/'*' "
    "org.broadinstitute.hellbender.Main HaplotypeCaller -R {reference} -I {reads} -O {calls} "
    "-ploidy {ploidy} -stand-call-conf 0 --native-pair-hmm-threads 1",
    "freebayes": "",
    "bcftools": "",
}
PLANTED_DATA = [path for entry in PLANTED for path in data_sets(entry, list(PLANT_CALLERS))]

for entry in PLANTED:
    rule:
        name:
            f"planted_{entry['name']}"
        input:
            reads=located(entry["reads"]),
            reference=located(entry["reference"]),
        output:
            data_sets(entry, list(PLANT_CALLERS)),
        params:
            # A function: its braces are of cnnscore, not of Snakemake.
            command=lambda wildcards, entry=entry: shlex.join(
                command(entry, located, PLANT_CALLERS)
            ),
        log:
            f"planted/{entry['name']}.log",
        shell:
            "{CNNSCORE} {params.command} --threads 1 >{log} 2>&1"
