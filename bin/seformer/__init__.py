"""seformer: super-enhancers against typical enhancers from DNA sequence alone."""

__version__ = "1.0.0"
