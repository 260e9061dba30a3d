"""Python with a GPU of too little memory: torch's own error for more than 600 tokens at a time.

Found by Python at its start where this folder is on PYTHONPATH.
"""

import importlib.abc
import importlib.machinery
import sys

TOKENS = 600


class SmallGPU(importlib.abc.MetaPathFinder):
    """Finds ``seformer.sequence.batches`` as it is and limits the batches that it makes."""

    def find_spec(self, name, path, target=None):
        if name != "seformer.sequence.batches":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def load_limited(module):
            load(module)
            module.collate = limited(module.collate)

        spec.loader.exec_module = load_limited
        return spec


def limited(collate):
    def collate_within_memory(*arguments):
        import torch

        batch = collate(*arguments)
        if batch.input_ids.numel() > TOKENS:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return batch

    return collate_within_memory


sys.meta_path.insert(0, SmallGPU())
