"""Write the motifs that come along from JASPAR's database: CORE, vertebrates, newest versions.

    pip download --no-deps pyjaspar==4.0.0
    unzip pyjaspar-4.0.0-*.whl pyjaspar/data/JASPAR2024.sqlite
    python scripts/jaspar.py pyjaspar/data/JASPAR2024.sqlite

Rauluseviciute et al., JASPAR 2024, Nucleic Acids Research 52:D174 (doi:10.1093/nar/gkad1059),
CC BY 4.0.
"""

import sqlite3
import sys
from pathlib import Path

import pandas as pd

OUT = Path(__file__).parents[1] / "bin/seformer/motifs/jaspar2024_core_vertebrates.meme"
HEAD = """MEME version 4

# JASPAR 2024 CORE, vertebrates, the newest version of each matrix, counts divided by their sum.
# Rauluseviciute et al., Nucleic Acids Research 52:D174 (2024), doi:10.1093/nar/gkad1059. CC BY 4.0.

ALPHABET= ACGT

"""
MATRICES = """
SELECT m.ID, m.BASE_ID, m.VERSION, m.NAME FROM MATRIX m
JOIN MATRIX_ANNOTATION a ON a.ID = m.ID AND a.TAG = 'tax_group' AND a.VAL = 'vertebrates'
JOIN MATRIX_VERSION v ON v.ID = m.ID AND v.RELEASE = '2024'
WHERE m.COLLECTION = 'CORE' GROUP BY m.ID
"""


def main(database: str) -> None:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        matrices = pd.read_sql(MATRICES, connection)
        counts = pd.read_sql('SELECT ID, "row", "col", val FROM MATRIX_DATA', connection)
    newest = matrices.sort_values("VERSION").groupby("BASE_ID").tail(1).sort_values("BASE_ID")
    by_matrix = dict(list(counts[counts["ID"].isin(newest["ID"])].groupby("ID")))
    with open(OUT, "w", encoding="utf-8") as text:
        text.write(HEAD)
        for row in newest.itertuples():
            table = by_matrix[row.ID].pivot(index="col", columns="row", values="val")[[*"ACGT"]]
            shares = table.div(table.sum(axis=1), axis=0)
            text.write(f"MOTIF {row.BASE_ID}.{row.VERSION} {row.NAME}\n")
            text.write(f"letter-probability matrix: alength= 4 w= {len(shares)}\n")
            text.writelines(" ".join(f"{p:.4f}" for p in line) + "\n" for line in shares.to_numpy())
            text.write("\n")
    print(f"{len(newest)} motifs in {OUT}")


if __name__ == "__main__":
    main(sys.argv[1])
