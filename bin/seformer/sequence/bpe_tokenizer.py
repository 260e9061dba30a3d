"""From bases to the tokens of a published byte-pair encoding, with exact base offsets."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seformer.sequence.bpe import read_bpe
from seformer.sequence.dna import BASES
from seformer.sequence.encoding import Encoding, check_unknown, letters_of, splits_of, text_digest
from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError
from seformer.util.records import as_object, parse_json
from seformer.util.text import small_file


class BpeTokenizer:
    """A published `tokenizer.json` (byte-pair encoding), with offsets computed here.

    Ids are those of the tokeniser itself on the upper-cased sequence. Offsets are computed from
    the tokens' letters, since GENA-LM's ``-`` token (ten or more N) reports wrong ones.

    Parameters
    ----------
    folder
        Folder with tokenizer.json and, where published, its companion files.
    """

    phases = overlapping = 1
    _COMPANIONS = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")

    def __init__(self, folder: str | Path) -> None:
        import tokenizers

        folder = Path(folder)
        # each is read once: what is used is what is saved
        self._files = {
            name: small_file(folder / name).read_bytes()
            for name in self._COMPANIONS
            if (folder / name).is_file()
        }
        self._path = folder / "tokenizer.json"
        pairs = read_bpe(self._object("tokenizer.json"), self._path)
        model, text = pairs.settings["model"], pairs.text
        self._fused = model.get("fuse_unk", False)
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the library raises plain exceptions
            raise UserError(
                f"the tokeniser cannot be read ({error})",
                where=self._path,
                do="copy the model folder again",
            ) from error
        self.vocab_size = pairs.size
        names = self._special_names()
        self.pad_id = self._id(names["pad_token"])
        self.unk_id = self._id(model.get("unk_token") or names["unk_token"])
        self.mask_id = self._tokenizer.token_to_id(names["mask_token"])
        for one in pairs.settings["added_tokens"]:
            if self._id(one["content"]) != one["id"]:
                raise UserError(f"{one['content']!r} has another id", where=self._path)
        self.wrap, self.blank_ids = pairs.wrap, (self.unk_id,)
        prefix = model.get("continuing_subword_prefix") or ""
        self._lengths = self._token_lengths(prefix)
        spelled = self._tokenizer.get_vocab().items()
        bases = (n for token, n in spelled if not token.removeprefix(prefix).strip(BASES))
        self.base_ids = np.array(sorted(bases), np.int32)
        self._run_id = self._tokenizer.token_to_id("-")
        special = [self.pad_id, self.unk_id, self.mask_id, *self.wrap]
        self.identity = {"kind": "bpe", "special": json.dumps(special), "tokens": text_digest(text)}

    def _object(self, name: str) -> dict[str, Any]:
        path = self._path.with_name(name)
        return as_object(parse_json(self._files[name], path), path) if name in self._files else {}

    def _special_names(self) -> dict[str, str]:
        names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "mask")}
        for file in ("tokenizer_config.json", "special_tokens_map.json"):
            given = self._object(file)
            for key in names:
                value = given.get(key)
                value = value.get("content") if isinstance(value, dict) else value
                if not isinstance(value, str | None):
                    raise UserError(f"{key} is {value!r}"[:200], where=self._path.with_name(file))
                names[key] = value or names[key]
        return names

    def _id(self, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise UserError(f"the tokeniser has no token {token}", where=self._path)
        return number

    def _token_lengths(self, prefix: str) -> np.ndarray:
        lengths = np.ones(self.vocab_size, dtype=np.int64)
        for token, number in self._tokenizer.get_vocab().items():
            lengths[number] = len(token.removeprefix(prefix) if prefix else token)
        lengths[self.unk_id] = 1
        return lengths

    def encode(self, sequences: Sequence[str], phase: int = 0) -> Encoding:
        """Tokenise ``sequences`` (``phase`` can only be 0)."""
        if phase:
            raise ValueError(f"phase {phase} of {self.phases}")
        letters, lengths = letters_of(sequences)
        sequences = [sequence.upper() for sequence in sequences]
        encoded = self._tokenizer.encode_batch(sequences, add_special_tokens=False)
        ids = [np.array(one.ids, dtype=np.int32) for one in encoded]
        spans = [self._spans(one, text) for one, text in zip(ids, sequences, strict=True)]
        widths = np.concatenate([*spans, np.zeros(0, np.int64)])
        splits = splits_of(np.fromiter(map(len, ids), np.int64, len(ids)))
        ends = np.cumsum(widths) - np.repeat(splits_of(lengths)[:-1], np.diff(splits))
        encoding = Encoding(
            np.concatenate([*ids, np.zeros(0, np.int32)]),
            (ends - widths).astype(np.int32),
            ends.astype(np.int32),
            splits,
        )
        check_unknown(
            encoding,
            letters,
            lengths,
            self.unk_id,
            "check that the sequences are DNA and that this tokeniser belongs to the model",
        )
        return encoding

    def keeps_spans(self, before: str, after: str) -> bool:
        """Tell that an edit may move any token after it."""
        return False

    def _spans(self, ids: np.ndarray, text: str) -> np.ndarray:
        """Return how many bases each token covers; together exactly ``len(text)``."""
        spans = self._lengths[ids]
        special = (ids == self._run_id) | ((ids == self.unk_id) & self._fused)
        if special.any():
            at, known = 0, np.flatnonzero(special)
            done = 0
            for place in known:
                at += int(spans[done:place].sum())
                spans[place] = self._run_length(int(ids[place]), text, at)
                at += int(spans[place])
                done = place + 1
        if int(spans.sum()) != len(text):
            raise UserError(
                f"the tokens of a sequence cover {int(spans.sum())} of its {len(text)} bases",
                do="this tokeniser rewrites sequences in a way seformer does not know;"
                " use a model with a k-mer or byte-pair tokeniser",
            )
        return spans

    def _run_length(self, token: int, text: str, at: int) -> int:
        """Return the length of the run of letters that one token stands for."""
        if token == self._run_id:
            run = re.compile("N+|-").match(text, at)
        else:
            run = re.compile("[^ACGT]+").match(text, at)
        return len(run.group()) if run else 1

    def save(self, folder: str | Path) -> None:
        """Write the published files as they were."""
        for name, content in self._files.items():
            with atomic_path(Path(folder) / name) as partial:
                partial.write_bytes(content)
