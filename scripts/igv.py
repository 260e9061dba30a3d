"""Take the genome browser of the report from its package, which must be the one that was checked.

    npm pack igv@3.8.10
    python scripts/igv.py igv-3.8.10.tgz

igv.js: Robinson et al., Bioinformatics 39:btac830 (2023), doi:10.1093/bioinformatics/btac830. MIT.
"""

import hashlib
import sys
import tarfile
from pathlib import Path

VERSION = "3.8.10"
SHA256 = "87b991ae2a720978172e269dd5127c495e56df5af31144dff19c83124e2f5744"
OUT = Path(__file__).parents[1] / "bin/seformer/report/igv.min.js"
SOURCE_MAP = "\n//# sourceMappingURL=igv.min.js.map"


def main(package: str) -> None:
    with tarfile.open(package) as archive:
        code = archive.extractfile("package/dist/igv.min.js").read()
        licence = archive.extractfile("package/LICENSE").read().decode()
    if hashlib.sha256(code).hexdigest() != SHA256:
        sys.exit(f"{package} does not hold igv.js {VERSION}")
    # the licence goes wherever the code goes, into every page too
    head = f"/*!\nigv.js {VERSION}\n\n{licence.strip()}\n*/\n"
    OUT.write_text(head + code.decode().partition(SOURCE_MAP)[0] + "\n", encoding="utf-8")
    print(f"igv.js {VERSION} in {OUT}")


if __name__ == "__main__":
    main(sys.argv[1])
