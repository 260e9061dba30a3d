"""Motif files: what is read, and what is refused with its line."""

import numpy as np
import pytest

from seformer.motifs.meme import read_meme, write_meme
from seformer.util.errors import UserError

HEAD = "MEME version 4\n\nALPHABET= ACGT\n\n"
ROW = "0.25 0.25 0.25 0.25\n"


def motif(rows, name="m", width=None, more=" nsites= 20 E= 0"):
    count = rows.count("\n") if width is None else width
    return f"MOTIF {name}\nletter-probability matrix: alength= 4 w= {count}{more}\n{rows}\n"


READ = {
    "rounded to six decimals": motif("0.384615  0.076923  0.115385  0.423077\n"),
    "rounded to two decimals": motif("0.33 0.33 0.33 0\n"),
    "exponents": motif("1.000000e+00 0.0 0e0 .0\n"),
    "no width": f"MOTIF m\nletter-probability matrix:\n{ROW}\n",
    "URL below the rows": motif(ROW).rstrip() + "\nURL http://a.org\n",
    "next motif below the rows": motif(ROW, "a").rstrip("\n") + "\n" + motif(ROW, "b"),
    "scores first": f"MOTIF m\nlog-odds matrix: alength= 4 w= 1\n-1 2 3 4\n\n{motif(ROW)[8:]}",
    "Windows": motif(ROW).replace("\n", "\r\n"),
    "no empty line at the end": motif(ROW).rstrip("\n"),
}


@pytest.mark.parametrize("text", READ.values(), ids=READ.keys())
def test_read(tmp_path, text):
    (tmp_path / "m.meme").write_text(HEAD + text)
    found = read_meme(tmp_path / "m.meme")
    assert len(found) == text.count("MOTIF")
    for value in found.values():
        assert value.shape == (4, 1) and abs(value.sum() - 1) < 0.011
    write_meme(found, tmp_path / "again.meme")
    again = read_meme(tmp_path / "again.meme")
    assert list(again) == list(found)
    np.testing.assert_allclose(list(again.values()), list(found.values()), atol=1e-9)


# text, line, what the message says
REFUSED = {
    "NaN": (motif("nan 0 0 1\n"), 7, "'nan' is not a probability"),
    "infinite": (motif("0 inf 0 0\n"), 7, "'inf' is not a probability"),
    "huge": (motif("1e300 0 0 0\n"), 7, "is not a probability"),
    "negative": (motif("-0.5 0.5 0.5 0.5\n"), 7, "'-0.5' is not a probability"),
    "4,400 digits": (motif(f"{'1' * 4400} 0 0 0\n"), 7, "is not a probability"),
    "Arabic digits": (motif("٠ 0 0 1\n"), 7, "is not a probability"),
    "underscore": (motif("0.2_5 0.25 0.25 0.25\n"), 7, "is not a probability"),
    "counts": (motif("12 0 3 1\n"), 7, "divide each row by its sum"),
    "sum over 1": (motif("0.5 0.5 0.5 0.5\n"), 7, "sums to 2"),
    "sum under 1": (motif(ROW + "0.2 0.2 0.2 0.2\n"), 8, "sums to 0.8"),
    "nothing": (motif("0 0 0 0\n"), 7, "sums to 0"),
    "three columns": (motif("0.5 0.25 0.25\n"), 7, "a row of 3 numbers"),
    "w too large": (motif(ROW, width=2), 6, "w= 2, but 1 rows follow"),
    "w too small": (motif(ROW * 3, width=2), 6, "w= 2, but 3 rows follow"),
    "w of 4,400 digits": (motif(ROW, width="9" * 4400), 6, "rows follow"),
    "w of words": (motif(ROW, width="two"), 6, "w= two, but"),
    "w is 0": (motif("", width=0), 6, "has no rows"),
    "protein": (motif(ROW).replace("alength= 4", "alength= 20"), 6, "alength= 20"),
    "no matrix": ("MOTIF a\n" + motif(ROW), 5, "the motif a has no matrix"),
    "no matrix at the end": (motif(ROW) + "MOTIF b\n", 9, "the motif b has no matrix"),
    "no name": (motif(ROW, ""), 5, "no name"),
    "names twice": (motif(ROW) + motif(ROW), 9, "is there already, on line 5"),
    "matrix of nothing": (motif(ROW)[8:], 5, "no motif of its own above it"),
}


OTHERS = {
    "JASPAR": ">MA0001.1 AGL3\nA [0 3]\nC [94 75]\nG [1 0]\nT [2 19]\n",
    "TRANSFAC": "AC M1\nXX\nP0 A C G T\n01 1 2 3 4 N\nXX\n//\n",
    "HOMER": ">ATGAC\tAP1\t6.0\n0.4\t0.1\t0.1\t0.4\n",
    "a head alone": HEAD,
    "nothing": "",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_a_file_without_motifs_in_this_format(tmp_path, text):
    (tmp_path / "m.meme").write_text(text)
    with pytest.raises(UserError, match=r"0 motifs in MEME format.*jaspar2meme"):
        read_meme(tmp_path / "m.meme")


@pytest.mark.parametrize(("text", "line", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_its_line(tmp_path, text, line, words):
    path = tmp_path / "m.meme"
    path.write_text(HEAD + text)
    with pytest.raises(UserError) as found:
        read_meme(path)
    assert f"m.meme, line {line}: " in str(found.value) and words in str(found.value)
    assert len(str(found.value)) < 500 and "\n" not in str(found.value)


def test_other_alphabets_and_encodings(tmp_path):
    path = tmp_path / "m.meme"
    path.write_text(HEAD.replace("ACGT", "ACGU") + motif(ROW))
    with pytest.raises(UserError, match="line 3: the alphabet is not that of DNA"):
        read_meme(path)
    path.write_bytes(motif(ROW, "é").encode("latin-1"))
    with pytest.raises(UserError, match=r"m\.meme"):
        read_meme(path)
