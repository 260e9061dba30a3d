"""`tokenizer.json` of a byte-pair encoding: what is taken of it, and what is refused.

The file comes from strangers and is run by a library that trusts it: some settings give other
tokens each time, some make a letter into millions, some end the process. So the tokeniser is put
together anew from the parts that are known here, each of which gives at most a token a letter.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from seformer.util.errors import UserError

__all__ = ["BytePairs", "read_bpe"]

MAX_VOCABULARY = 2**22
MAX_SPECIAL = MAX_STEPS = 8
# one letter or a few, once or more often: runs in linear time and never matches nothing
PATTERN = re.compile(r"(\w|\[\w+\])(\+|\{[1-9]\d?(,\d{0,2})?\})?", re.ASCII)
_SWITCH = (bool,)
# type of a part, its settings and their types; a part in which a pattern stands is looked at below
NORMALIZERS: dict[str, dict[str, tuple[type, ...]]] = {
    "Strip": {"strip_left": _SWITCH, "strip_right": _SWITCH},
    "Replace": {"pattern": (dict,), "content": (str,)},
    "Lowercase": {},
    "NFC": {},
    "NFD": {},
    "NFKC": {},
    "NFKD": {},
    "StripAccents": {},
}
SPLITTERS: dict[str, dict[str, tuple[type, ...]]] = {
    "Split": {"pattern": (dict,), "behavior": (str,), "invert": _SWITCH},
    "Whitespace": {},
    "WhitespaceSplit": {},
    "BertPreTokenizer": {},
    "ByteLevel": dict.fromkeys(("add_prefix_space", "trim_offsets", "use_regex"), _SWITCH),
    "Digits": {"individual_digits": _SWITCH},
    "Punctuation": {"behavior": (str,)},
}
ADDED: dict[str, tuple[type, ...]] = dict.fromkeys(
    ("single_word", "lstrip", "rstrip", "normalized", "special"), _SWITCH
)
_MODEL: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("fuse_unk", "byte_fallback", "ignore_merges"), _SWITCH),
    **dict.fromkeys(("unk_token", "continuing_subword_prefix"), (str,)),
}


class BytePairs(NamedTuple):
    """What a `tokenizer.json` says, checked.

    Attributes
    ----------
    settings
        For the library: vocabulary, merges, added tokens, normalisation; nothing random, no
        padding, truncation or special tokens.
    wrap
        Ids of the special tokens before and after a sequence.
    size
        Largest id and one more.
    """

    settings: dict[str, Any]
    wrap: tuple[tuple[int, ...], tuple[int, ...]]
    size: int

    @property
    def text(self) -> str:
        """The settings as JSON, the same for the same settings."""
        return json.dumps(self.settings, sort_keys=True)


def read_bpe(given: dict[str, Any], path: Path) -> BytePairs:
    """Check the content of a `tokenizer.json`.

    Raises
    ------
    UserError
        Naming ``path``, if it is not a byte-pair encoding, or holds what is not known here.
    """
    try:
        model = _model(_part(given.get("model")))
        added = [_added(_part(one)) for one in _list(given.get("added_tokens") or [])]
        ids = {one["content"]: one["id"] for one in added} | model["vocab"]
        _check_ids(ids)
        if any(ids[one["content"]] != one["id"] for one in added):
            _refuse("an added token has another id than in the vocabulary")
        settings = {
            "version": "1.0",
            "added_tokens": added,
            "normalizer": _chain(given.get("normalizer"), "normalizers", NORMALIZERS),
            "pre_tokenizer": _chain(given.get("pre_tokenizer"), "pretokenizers", SPLITTERS),
            "model": model,
        }
        wrap = _wrap(given.get("post_processor"))
        if not {*wrap[0], *wrap[1]} <= set(ids.values()):
            _refuse("a special token has an id outside the vocabulary")
        return BytePairs(settings, wrap, max(ids.values()) + 1)
    except _Refused as error:
        raise UserError(
            str(error),
            where=path,
            expected="a byte-pair encoding (BPE) of DNA as published, or a vocab.txt of k-mers",
            do="take the tokeniser that was published with this model",
        ) from error


class _Refused(Exception):
    """What this module does not take."""


def _refuse(found: str) -> NoReturn:
    raise _Refused(found[:300])


def _part(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else _refuse(f"{value!r} stands for a part of it")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else _refuse(f"{value!r} stands for a list")


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < MAX_VOCABULARY


def _known(part: dict[str, Any], fields: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return the known settings of a part; null is as good as nothing."""
    found = {name: part[name] for name in fields if part.get(name) is not None}
    for name, value in found.items():
        if not isinstance(value, fields[name]):
            _refuse(f"{name} is {value!r}")
    return found


def _model(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type", "BPE") != "BPE":
        _refuse(f"the tokeniser is of type {part['type']!r}")
    if part.get("dropout"):
        _refuse(f"it leaves out merges at random (dropout {part['dropout']!r})")
    if part.get("end_of_word_suffix"):
        _refuse(f"it puts {part['end_of_word_suffix']!r} after words")
    # GROVER's holds a token of no letters, and merges with it that change nothing
    vocab = {name: number for name, number in _part(part.get("vocab")).items() if name}
    merges = [one.split(" ") if isinstance(one, str) else one for one in _list(part.get("merges"))]
    merges = [pair for pair in merges if not _changes_nothing(pair)]
    known = _known(part, _MODEL)
    prefix = known.get("continuing_subword_prefix", "")
    for pair in merges:
        if not (isinstance(pair, list) and len(pair) == 2 and all(map(_is_text, pair))):
            _refuse(f"the merge {pair!r} is not of two tokens")
        if not (pair[0] in vocab and pair[1] in vocab and pair[1].startswith(prefix)):
            _refuse(f"the merge {pair!r} is not of tokens in the vocabulary")
        if pair[0] + pair[1].removeprefix(prefix) not in vocab:
            _refuse(f"the merge {pair!r} gives a token that is not in the vocabulary")
    return {"type": "BPE", **known, "vocab": vocab, "merges": merges}


def _changes_nothing(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and _is_text(pair[0]) and pair[1] == ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _added(part: dict[str, Any]) -> dict[str, Any]:
    if not _is_text(part.get("content")):
        _refuse(f"the added token {part!r} has no content")
    switches = dict.fromkeys(ADDED, False) | _known(part, ADDED)
    return {"id": part.get("id"), "content": part["content"], **switches}


def _check_ids(ids: dict[str, Any]) -> None:
    bad = next((name for name, number in ids.items() if not (name and _is_id(number))), None)
    if bad is not None or not ids:
        _refuse(f"the token {bad!r} has the id {ids.get(bad)!r}")
    if len(set(ids.values())) < len(ids):
        _refuse("two tokens have one id")


def _chain(
    given: Any, members: str, kinds: dict[str, dict[str, tuple[type, ...]]]
) -> dict[str, Any] | None:
    """Check a normaliser or splitter, or a sequence of some."""
    if given is None:
        return None
    part = _part(given)
    kind = part.get("type")
    if kind == "Sequence":
        inner = _list(part.get(members))
        if len(inner) > MAX_STEPS or any(
            isinstance(one, dict) and one.get("type") == "Sequence" for one in inner
        ):
            _refuse("it rewrites sequences by a sequence of sequences, or by too many steps")
        return {"type": kind, members: [_chain(_part(one), members, kinds) for one in inner]}
    if not isinstance(kind, str) or kind not in kinds:
        _refuse(f"it rewrites sequences by {kind!r}, which is not known here")
    found = {"type": kind, **_known(part, kinds[kind])}
    if "pattern" in kinds[kind]:
        _check_pattern(found)
    return found


def _check_pattern(part: dict[str, Any]) -> None:
    """A replacement is of at most one letter, so that no sequence grows."""
    pattern = part.get("pattern", {})
    text = next(iter(pattern.values()), None)
    fits = len(pattern) == 1 and _is_text(text)
    if fits and "Regex" in pattern:
        fits = PATTERN.fullmatch(str(text)) is not None
    if not fits or not pattern.keys() <= {"String", "Regex"}:
        _refuse(f"it looks for {pattern!r}, which is not known here")
    if len(part.get("content", "")) > 1:
        _refuse(f"it puts {part['content'][:40]!r} for a letter")


def _wrap(given: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Find the special tokens round a sequence."""
    if given is None:
        return (), ()
    part = _part(given)
    kind = part.get("type")
    if kind == "Sequence":
        steps = [_part(one) for one in _list(part.get("processors"))]
        steps = [one for one in steps if one.get("type") != "ByteLevel"]
        if len(steps) > 1 or any(one.get("type") == "Sequence" for one in steps):
            _refuse("it adds special tokens in several steps")
        return _wrap(steps[0] if steps else None)
    if kind == "ByteLevel":
        return (), ()
    if kind in ("BertProcessing", "RobertaProcessing"):
        ends: list[Any] = [part.get("cls"), part.get("sep")]
        if not all(isinstance(one, list) and len(one) == 2 and _is_id(one[1]) for one in ends):
            _refuse(f"its special tokens are {ends!r}")
        return (ends[0][1],), (ends[1][1],)
    if kind != "TemplateProcessing":
        _refuse(f"it adds special tokens by {kind!r}, which is not known here")
    before: list[int] = []
    sides = [before]
    for piece in map(_part, _list(part.get("single"))):
        if "Sequence" in piece:
            sides.append([])
            continue
        name = _part(piece.get("SpecialToken")).get("id")
        known = _part(part.get("special_tokens")).get(name) if isinstance(name, str) else None
        sides[-1] += _list(_part(known).get("ids"))
    if len(sides) != 2 or not all(map(_is_id, [*sides[0], *sides[1]])):
        _refuse("its template of special tokens is not one sequence with tokens round it")
    if max(map(len, sides)) > MAX_SPECIAL:
        _refuse(f"it puts more than {MAX_SPECIAL} special tokens beside a sequence")
    return tuple(sides[0]), tuple(sides[1])
