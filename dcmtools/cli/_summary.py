"""Decide how numbers are written in the line that ends a batch."""


def megabytes(count: int) -> str:
    """Write a number of bytes for people."""
    if count >= 10**9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB"
