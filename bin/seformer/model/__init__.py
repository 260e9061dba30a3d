"""The classifier: backbone, pooling, head, calibration, and its folder."""
