"""Compress and decompress frames by run lengths, as RLE Lossless does (PS3.5 Annex G).

pydicom does the same byte by byte in Python; a frame of a CT takes it 60 ms to compress and 17 ms
to decompress (tests/bench/pixels.py). Here numpy works on whole segments. What is given is the
same image; what is written need not be the same bytes, as there are several ways to write one.
"""

from itertools import pairwise
from struct import pack, unpack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]

_HEADER = 64
"""Bytes of the number of segments and their 15 offsets (PS3.5 G.5)."""

_MOST_SEGMENTS = 15
_MOST = 128  # bytes that a literal or a replicate run stands for
_SHORTEST = 3  # equal bytes that are worth a replicate run amid others
_STEPS = bytes([*range(2, 130), 1, *[2] * 127])  # by the first byte of a run, to the next one


def compress(frame: "Numbers") -> bytes:
    """Compress a frame.

    Parameters
    ----------
    frame : numpy.ndarray
        Rows and columns of integers, and samples where there are several.

    Returns
    -------
    bytes
        Of even length. Rows are compressed apart (PS3.5 G.3.1).

    Raises
    ------
    ValueError
        It would take more than 15 segments.
    """
    import numpy as np  # noqa: PLC0415 - slow, and not always needed

    width = frame.itemsize
    rows, columns = frame.shape[:2]
    # The most significant byte of each sample comes first (PS3.5 G.2).
    whole = np.ascontiguousarray(frame, frame.dtype.newbyteorder(">"))
    planes = whole.view(np.uint8).reshape(rows, columns, -1)
    count = planes.shape[2]
    if count > _MOST_SEGMENTS:
        raise ValueError(f"{count // width} samples of {width} bytes are too many")
    segments = [_compressed(np.ascontiguousarray(planes[:, :, each])) for each in range(count)]
    offsets, at = [0] * _MOST_SEGMENTS, _HEADER
    for number, segment in enumerate(segments):
        offsets[number] = at
        at += len(segment)
    return b"".join([pack("<16I", count, *offsets), *segments])


def _compressed(plane: "Numbers") -> bytes:
    """Compress one byte of all pixels."""
    import numpy as np  # noqa: PLC0415 - slow, and not always needed

    columns = plane.shape[1]
    data = plane.ravel()
    starts = np.ones(data.size, bool)
    np.not_equal(data[1:], data[:-1], out=starts[1:])
    starts[::columns] = True
    begins = np.flatnonzero(starts)
    lengths = np.diff(begins, append=data.size)
    long = lengths >= _SHORTEST
    # What is between long runs is one literal; it ends with the row.
    first = long.copy()
    first[1:] |= long[:-1]
    first |= begins % columns == 0
    begins, long = begins[first], long[first]
    lengths = np.diff(begins, append=data.size)
    parts = -(-lengths // _MOST)
    number = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    begins = np.repeat(begins, parts) + number * _MOST
    long = np.repeat(long, parts)
    lengths = np.minimum(np.repeat(lengths, parts) - number * _MOST, _MOST)
    long &= lengths > 1  # no replicate run stands for one byte
    sizes = np.where(long, 2, lengths + 1)
    ends = np.cumsum(sizes)
    heads = ends - sizes
    made = np.empty(int(ends[-1]) + int(ends[-1]) % 2, np.uint8)
    made[-1] = 0  # as even length asks (PS3.5 G.3.1)
    is_head = np.zeros(made.size, bool)
    is_head[heads] = True
    is_head[ends[-1] :] = True
    taken = np.repeat(~long, lengths)  # of a replicate run, its first byte alone
    taken[begins[long]] = True
    made[~is_head] = data[taken]
    made[heads] = np.where(long, 257 - lengths, lengths - 1)
    return made.tobytes()


def decompress(frame: bytes, shape: tuple[int, int, int], bits_allocated: int) -> "Numbers":
    """Decompress a frame.

    Parameters
    ----------
    frame : bytes
        The compressed frame.
    shape : tuple of int
        Rows, columns and samples per pixel.
    bits_allocated : int
        The bits of a sample.

    Returns
    -------
    numpy.ndarray
        Rows and columns, and samples where there are several, of unsigned integers in little
        endian.

    Raises
    ------
    ValueError
        It is none, or not as long as that.
    """
    import numpy as np  # noqa: PLC0415 - slow, and not always needed

    rows, columns, samples = shape
    width = bits_allocated // 8
    found = _segments(frame, samples * width)
    planes = np.empty((rows, columns, samples, width), np.uint8)
    for number, segment in enumerate(found):
        plane = _decompressed(segment, rows * columns).reshape(rows, columns)
        planes[:, :, number // width, width - 1 - number % width] = plane
    return planes.view(np.dtype(f"<u{width}")).reshape(shape if samples > 1 else shape[:2])


def _segments(frame: bytes, wanted: int) -> list[bytes]:
    """Take the segments apart (PS3.5 G.5)."""
    if len(frame) < _HEADER:
        raise ValueError("a frame ends amid its RLE header")
    count, *offsets = unpack("<16I", frame[:_HEADER])
    if count != wanted:
        raise ValueError(f"a frame has {count} RLE segments, and not {wanted}")
    places = [*offsets[:count], len(frame)]
    if places[0] < _HEADER or any(a > b for a, b in pairwise(places)):
        raise ValueError("the RLE header of a frame points to where no segment is")
    return [frame[a:b] for a, b in pairwise(places)]


def _decompressed(segment: bytes, size: int) -> "Numbers":
    """Decompress a segment to as many bytes; what follows is padding."""
    import numpy as np  # noqa: PLC0415 - slow, and not always needed

    steps = segment.translate(_STEPS)
    at, end = 0, len(segment)
    places: list[int] = []
    add = places.append
    while at < end:  # where a run begins is known by the one before
        add(at)
        at += steps[at]
    data = np.frombuffer(segment, np.uint8)
    heads = np.array(places, np.int32)
    kinds = data[heads].astype(np.int16)
    lengths = np.where(kinds > _MOST, 257 - kinds, kinds + 1)
    lengths[kinds == _MOST] = 0  # which is no run
    sums = np.cumsum(lengths, dtype=np.int64)
    last = int(np.searchsorted(sums, size))
    if last == sums.size:
        missing = size - (int(sums[-1]) if sums.size else 0)
        raise ValueError(f"{missing} bytes are missing at the end of an RLE segment")
    heads, kinds, lengths = heads[: last + 1], kinds[: last + 1], lengths[: last + 1]
    end = int(heads[-1]) + steps[heads[-1]]
    if end > data.size:
        raise ValueError("an RLE segment ends amid a run")
    counts = np.ones(end, np.uint8)
    counts[heads] = 0
    long = kinds > _MOST
    counts[heads[long] + 1] = lengths[long]
    return np.repeat(data[:end], counts)[:size]
