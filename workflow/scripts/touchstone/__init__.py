"""The logic of Touchstone: importable and testable where Snakemake is not installed.

Modules that plan (``catalogue``, ``plan``, ``errors``) need the standard library, PyYAML and
jsonschema only. Everything else may use pyarrow, NumPy and Pillow; torch, diffusers and
img2dataset are imported inside the functions that need them.
"""

__version__ = "0.1.0"
