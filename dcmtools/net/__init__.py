"""Speak with DICOM applications over the network, in either role."""
