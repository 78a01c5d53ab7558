"""Exporter of RADIO Serve: checkpoint in, TorchScript modules and a manifest out (docs/artefacts.md)."""

__version__ = "0.1.0"
