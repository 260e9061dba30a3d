"""seformer: super-enhancers against typical enhancers from DNA sequence alone."""

from __future__ import annotations

# as `typing.TYPE_CHECKING`, which takes time that a signal may come in
TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from seformer.api import TrainedModel

__version__ = "1.0.0"


def load_model(folder: str | PathLike[str], device: str = "auto") -> TrainedModel:
    """Load a trained model (``<outdir>/<sample>/model`` of a run) to score and explain with.

    Parameters
    ----------
    folder
        The model folder, or an archive of it (`seformer pack`, the Galaxy tools).
    device
        auto, cpu, cuda or cuda:N.

    Raises
    ------
    seformer.util.errors.UserError
        If it is not a model folder, or damaged.
    """
    # torch takes seconds to import; `import seformer` must not
    from seformer.api import TrainedModel

    return TrainedModel(folder, device)
