"""docs/reference/errors.md has a row for all that the GATK walker and the scoring server refuse."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
JAVA = sorted((PROJECT / "plugin" / "gatk" / "src" / "main").rglob("*.java"))
PACKAGE = PROJECT / "python" / "cnnscore"
SERVER = [*sorted((PACKAGE / "serve").glob("*.py")), *sorted((PACKAGE / "wire").glob("*.py"))]
SERVER += [PACKAGE / "cli" / "serve.py", PACKAGE / "description.py"]

WALKERS_TABLE = "GATK's `CnnScoreVariants` has the readers of GATK"
SERVERS_TABLE = "A scoring server tells its clients these"

# The beginning of a row, and words of each message that it stands for.
WALKER = {
    "what GATK's readers refuse": ["Refusal: …: …", "WholeInput: …"],
    "BAM, CRAM, VCF.gz without their end marker": ["is truncated (it has no end marker)"],
    "an index of reads that is cut short": ["the index %s %s: make it anew"],
    "several read files, not all with SO:coordinate": ["not all read files have SO:coordinate"],
    "a read file that is given twice": [
        "are one file: give it once",
        "begin with the same read, %s: give each read once",
    ],
    "an output that is an input": [
        "is the input … itself",
        "GATK's library writes a BCF",
        "WholeOutput: cannot write …: ",
    ],
    "`--tmp-dir` that is on no local disk": ["it is no local folder", "no folder can be made in"],
    "an engine that did not start": ["the scoring engine …", "cannot start the engine `…`"],
    "a server that is not there": [
        "no scoring server answers at",
        "does not answer in time",
        "refuses us… (--token-file)",
        "is overloaded",
        "is no cnnscore server, or of another version",
        "failed (…)",
        "speaks version %d of the protocol",
    ],
    "a server's description that makes no sense": [
        "in a way that makes no sense",
        "answered batch %d with %d bytes",
    ],
    "`--server` that is no address": [
        "the server's address is unix:PATH or tcp:HOST:PORT",
        "wants a token: name its file with --token-file",
        "cannot use the certificates",
    ],
    "a token file, or an .onnx": ["EngineAddress: …", "NetworkChoice: …"],
    "another network than `--tensor-type`": [
        "the server has …, not …",
        "--tensor-type %s is for networks that look at",
        "--%s %s, but %s has %s",
    ],
    "a network that looks at reads, without `-I`": [
        "looks at reads: give them with -I",
        "--downsampling gatk is for GATK's networks",
        "counts reads by the rule",
    ],
    "`--architecture` and `--weights` with": [
        "give --model, or --architecture and --weights, not both",
        "--architecture and --weights are not for --server",
        "cannot import … with the engine",
        "cannot import … (…)",
    ],
    "`--accelerator` that there is not": [
        "--precision is the server's",
        "--accelerator is auto, cpu or cuda here",
        "cannot be an INFO key",
        "not a depth: a number above 0",
        "does not look at the sample's depth",
    ],
    "records whose windows are larger": ["with a larger --max-message"],
    "no read with a read group, for GATK's": ["has a read group, and %s drops such reads"],
    "reads of which none counts, at the sites and elsewhere": [
        "has no aligned reads",
        "no read of %s counts for %s",
    ],
    "a network without a finite score for any": ["has no finite score (NaN) for any of"],
    "a REF other than the reference's": [
        "the reference has no contig",
        "the reads have no contig",
        "bases in the reads' header but %d in the reference",
        "lies past the end of contig",
        "but the reference has %c",
        "lies before the contig's first base",
    ],
    "a compressed call file with a damaged block": ["is damaged: …; copy it"],
    "an interruption while it waits": ["stopped before all its blocks", "interrupted"],
    "`--per-sample`: a file without": [
        "leave the file out, or mend the names",
        "does not go with --per-sample",
        "are not in the order of their names",
        "does not look at reads, which --per-sample is about",
        "carriers of a cohort get their annotations from their reads",
        "no carrier of %s has a finite score",
        "give the reference that the reads were aligned to",
        "has no contig of the reference",
    ],
    "a sample (`--read-filter SampleReadFilter": ["has SM:%s, so no read would count"],
}
TELLS = {
    "no token, or a wrong one": ["this server wants a token"],
    "bytes that are no message; a batch": [
        "bytes) is no … message",
        "is negative",
        "bytes, the counts say",
        "must begin with 0 and rise",
        "columns in the message and in shared memory",
        "of the shared memory, the shortest has",
        "the shared memory has no",
        "bytes in shared memory where the server takes",
        "annotations per site where",
        "sample them",
    ],
    "another version of the protocol, another network": [
        "speaks version … of the protocol",
        "the batch is for another network than the one served",
    ],
    "all streams are open; all places": [
        "streams that the server takes are open",
        "places of Watch are taken",
        "the server is out of memory",
    ],
    "a batch in memory that its client": ["memory that its client does not share here"],
    "it is stopping": ["the server is stopping"],
    "a fault of its own": ["a fault of the server, see its log"],
}
SERVE = {
    "`serve`: an address that is taken": [
        "is the port taken?",
        "is its folder there, and writable?",
        "a server listens at … already",
        "are for tcp:; who may use a Unix socket",
        "`insecure=`, or TLS with a token, not both",
        "`insecure=` is for loopback",
        "a TCP server needs `tls_cert=`",
    ],
    "`serve`: a file in the place of its socket": [
        "another server starts at",
        "is there already, and is no socket",
        "is there already (…): choose another",
    ],
    "`serve`: `--socket-mode`": [
        "is no file mode",
        "--metrics is for Prometheus",
        "cannot listen for metrics",
    ],
    "`serve`, `--server`: a token file that is short": [
        "must hold a token of at least",
        "credentials: cannot read",
    ],
    "`--server`: a `tcp:` server without a token": [
        "wants a token: name its file with",
        "is no number of seconds",
    ],
    "`--server`: one that does not keep the protocol": [
        "it does not keep the protocol",
        "in a way that makes no sense",
        "is no scoring server of this protocol",
    ],
    "`--server`: nobody there": [
        "no answer from",
        "scores with …, not …",
        "refused us (…)",
        "speaks version … of the protocol",
    ],
    "`--server`: all streams of the server are open": ["was full for"],
    "`--server`: one that is stopped": ["did not answer in", "give it more with", "is it stopped?"],
    "`--server`: options of the network": ["a server gives one score per record"],
    "`--server`: a site whose message is larger": ["start it with a larger `max_message_mb=`"],
    "`--server`, `--listen`: no address": [
        "is no address of a server",
        "is too long for a socket",
    ],
}

# What other messages are made of, what no client is told, and what reads cnnscore.proto.
PARTS = [
    "max_message_bytes or max_in_flight is below 1",
    "it names … annotations",
    "not one of …",
    "is …, no SHA-256",
    "is …, not … to …",
    "is no INFO key",
    "description: … is …",
    "the batcher is closed",
    "it is not taken",
    "standard input has ended",
    "not understood: ",
    r"(\w+)",
]
BEGINNINGS = ["client: the server at …", "client: … at …", "messages: the server (cnnscore …)"]
UNTOLD = r"(log\.|print|\w+\.add_argument|add_option|Counter|Gauge|Histogram|Info)"
"""Calls whose texts are no refusals."""


def java_messages() -> Iterator[str]:
    """`Class: words` of each UserException, `…` where a value goes in; a switch gives several."""
    for path in JAVA:
        code = path.read_text(encoding="utf-8")
        for found in re.finditer(r"new UserException(?:\.\w+)?\(", code):
            argument = in_brackets(code, found.end())
            for branch in re.split(r"case [A-Z_, ]+->|default ->", argument):
                if text := java_text(branch):
                    yield f"{path.stem}: {text}"


def in_brackets(code: str, begin: int) -> str:
    """From behind an opening bracket to the one that closes it, which may not be in a text."""
    depth, end = 1, begin
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', code[begin:]):
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth == 0:
            end = begin + token.start()
            break
    return code[begin:end]


def java_text(code: str) -> str:
    """The texts of an expression, joined where only `+` lies between; else `…`."""
    if code.strip().startswith("switch"):
        return ""
    whole = ""
    for part in re.split(r'("(?:[^"\\]|\\.)*")', code):
        if part.startswith('"'):
            whole += part[1:-1]
        elif part.strip() not in ("", "+", "String.format("):
            whole += "…"
    return whole


def server_messages() -> Iterator[str]:
    """`module: words` of all texts of several words, but what goes to logs and metrics."""
    for path in SERVER:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped: set[int] = set()
        for node in ast.walk(tree):
            logs = isinstance(node, ast.Call) and re.match(UNTOLD, ast.unparse(node.func))
            if logs or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                skipped |= {id(inner) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if id(node) in skipped:
                continue
            text = ""
            if isinstance(node, ast.JoinedStr):
                skipped |= {id(inner) for inner in ast.walk(node)}
                text = "".join(
                    str(x.value) if isinstance(x, ast.Constant) else "…" for x in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.replace("{}", "…")
            if text.count(" ") > 1:
                yield f"{path.stem}: {text}"


def rows(beginning: str = "") -> list[str]:
    """All rows of the page, or those of the table behind a line of that beginning."""
    if not beginning:
        return re.findall(r"^\| (.*)$", PAGE, re.MULTILINE)
    table = PAGE[PAGE.index(beginning) :].partition("|---|---|\n")[2]
    return re.findall(r"^\| (.*)$", table.partition("\n\n")[0], re.MULTILINE)


def check(messages: list[str], table: dict[str, list[str]], there: list[str]) -> None:
    """Each message has a row, each of the words a message, and each row is there."""
    words = [word for row in table.values() for word in row]
    assert [text for text in messages if not any(word in text for word in words)] == []
    assert [word for word in words if not any(word in text for text in messages)] == []
    assert [row for row in table if not any(x.startswith(row) for x in there)] == []


def test_the_walkers_refusals() -> None:
    messages = list(java_messages())
    assert len(messages) > 50
    table = rows(WALKERS_TABLE)
    check(messages, WALKER, table)
    unsaid = [
        row
        for row in table
        if not row.endswith("| a warning |") and not any(row.startswith(name) for name in WALKER)
    ]
    assert unsaid == []


def test_the_servers_refusals() -> None:
    messages = [x for x in server_messages() if not any(part in x for part in PARTS)]
    messages = [x for x in messages if x not in BEGINNINGS]
    assert len(messages) > 35
    check(messages, SERVE | TELLS, rows())
    table = rows(SERVERS_TABLE)
    assert [row for row in table if not any(row.startswith(name) for name in TELLS)] == []
    named = [row for row in rows() if re.match(r"`(serve|--server)`[:,]", row)]
    assert [row for row in named if not any(row.startswith(name) for name in SERVE)] == []
