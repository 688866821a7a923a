"""DICOM data without a network: files, tags, values and the formats they are shown in."""
