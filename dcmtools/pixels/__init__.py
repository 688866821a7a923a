"""Encode objects anew: what needs numpy and the codecs of pixel data, in a process of its own."""
