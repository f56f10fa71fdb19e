"""Put a CycloneDX SBOM into a wheel: `python native/sbom.py WHEEL COMPONENTS`.

It names the libraries inside the wheel (COMPONENTS of build_htslib.sh; `NAME VERSION` per line) and
the Python packages that the wheel asks for. It lies where PEP 770 wants it, in dist-info/sboms.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

# SPDX, as the packages state them; liblzma had none of SPDX's before 5.6.
LICENCES = {
    "htslib": "MIT",
    "libcurl": "curl",
    "openssl": "Apache-2.0",
    "libdeflate": "MIT",
    "xz": "public domain",
    "bzip2": "bzip2-1.0.6",
    "zlib": "Zlib",
}


def sbom(metadata: str, components: list[tuple[str, str]]) -> dict[str, Any]:
    """The document, from the text of METADATA and the libraries inside: (name, version)."""
    about = Parser().parsestr(metadata)
    name, version = about["Name"], about["Version"]
    inside: list[dict[str, Any]] = [
        {
            "type": "library",
            "bom-ref": f"pkg:generic/{library}@{number}",
            "name": library,
            "version": number,
            "purl": f"pkg:generic/{library}@{number}",
            "licenses": [{"license": {_key(LICENCES[library]): LICENCES[library]}}],
        }
        for library, number in components
    ]
    asked: list[dict[str, Any]] = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{package}",
            "name": package,
            "purl": f"pkg:pypi/{package}",
            "scope": "required",
        }
        for package in sorted(_packages(about.get_all("Requires-Dist", [])))
    ]
    this = f"pkg:pypi/{name}@{version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": this,
                "name": name,
                "version": version,
                "purl": this,
                "licenses": [{"license": {"id": about["License-Expression"]}}],
            }
        },
        "components": [*inside, *asked],
        "dependencies": [
            {"ref": this, "dependsOn": [part["bom-ref"] for part in [*inside, *asked]]}
        ],
    }


def _key(licence: str) -> str:
    """CycloneDX has `id` for what SPDX lists, and `name` for others."""
    return "name" if " " in licence else "id"


def _packages(requirements: list[str]) -> set[str]:
    """Names of what is always asked for: not what an extra is."""
    needed = [line for line in requirements if "extra ==" not in line]
    return {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in needed}


def add(wheel: Path, components: list[tuple[str, str]]) -> None:
    """Write it into the wheel, and into the wheel's RECORD. The other bytes stay."""
    aside = wheel.with_suffix(".new")
    with ZipFile(wheel) as old, ZipFile(aside, "w", ZIP_DEFLATED) as new:
        (record,) = (name for name in old.namelist() if name.endswith(".dist-info/RECORD"))
        folder = record.rsplit("/", 1)[0]
        target = f"{folder}/sboms/cnnscore.cdx.json"
        document = sbom(old.read(f"{folder}/METADATA").decode(), components)
        text = (json.dumps(document, indent=2) + "\n").encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
        for entry in old.infolist():
            if entry.filename not in (record, target):
                new.writestr(entry, old.read(entry))
        lines = old.read(record).decode().splitlines()
        lines = [line for line in lines if not line.startswith(f"{target},")]
        lines.insert(-1, f"{target},sha256={digest},{len(text)}")
        date = old.getinfo(record).date_time
        for name, content in ((target, text), (record, ("\n".join(lines) + "\n").encode())):
            new.writestr(ZipInfo(name, date), content, ZIP_DEFLATED)
    aside.replace(wheel)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Put a CycloneDX SBOM into a wheel.")
    parser.add_argument("wheel", type=Path, metavar="WHEEL")
    parser.add_argument("components", type=Path, metavar="COMPONENTS")
    options = parser.parse_args()
    lines = options.components.read_text().splitlines()
    add(options.wheel, [(name, number) for name, number in (line.split() for line in lines)])


if __name__ == "__main__":
    main()
