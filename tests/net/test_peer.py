"""What users write for a peer, and what they are told when it is none."""

import pytest

from dcmtools.config import Config, Peer, Tls
from dcmtools.errors import ExitCode, UsageError
from dcmtools.net.peer import find_peer

PACS = Peer("pacs", "pacs.example.org", 2762, "PACS", tls=Tls())
CONFIG = Config(peers={"pacs": PACS, "Archive": Peer("Archive", "archive.example.org", 104)})


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("PACS@pacs.example.org:104", Peer("", "pacs.example.org", 104, "PACS")),
        ("10.0.0.5:11112", Peer("", "10.0.0.5", 11112, "ANY-SCP")),
        ("[::1]:104", Peer("", "::1", 104, "ANY-SCP")),
        ("PACS@[2001:db8::1]:104", Peer("", "2001:db8::1", 104, "PACS")),
        ("PACS@[fe80::1%eth0]:104", Peer("", "fe80::1%eth0", 104, "PACS")),
        ("MY PACS@h:104", Peer("", "h", 104, "MY PACS")),
        ("A@B@h:1", Peer("", "h", 1, "A@B")),
        ("A:B@h:65535", Peer("", "h", 65535, "A:B")),
        ("ABCDEFGHIJKLMNOP@h:104", Peer("", "h", 104, "ABCDEFGHIJKLMNOP")),
        ("  PACS @h:104\n", Peer("", "h", 104, "PACS")),
        ("müller.example.org:104", Peer("", "müller.example.org", 104)),
        ("pacs:104", Peer("", "pacs", 104)),
        ("pacs", PACS),
        (" pacs ", PACS),
    ],
)
def test_peers(text: str, peer: Peer) -> None:
    assert find_peer(text, CONFIG) == peer


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ("pasc", "is no peer of the configuration", "Did you mean 'pacs'? Otherwise write HOST:P"),
        ("PACS", "is no peer of the configuration", "Did you mean 'pacs'?"),
        ("archives", "is no peer of the configuration", "Did you mean 'Archive'?"),
        ("zzz", "is no peer of the configuration", "Write HOST:PORT or AET@HOST:PORT; DICOM ports"),
        ("10.0.0.5", "is no peer of the configuration", "Write HOST:PORT or"),
        ("PACS@h", "has no port", "Write it as in PACS@h:104; DICOM ports are often 104 or 11112."),
        ("PACS@h:", "has no port", "Write it as in PACS@h:104;"),
        ("h:", "has no port", "Write it as in h:104;"),
        ("[::1]", "has no port", "Write it as in [::1]:104;"),
        ("A@[::1]:", "has no port", "Write it as in A@[::1]:104;"),
        ("h:0", "its port must be a number from 1 to 65535, not '0'", "Write HOST:PORT;"),
        ("h:65536", "its port must be a number from 1 to 65535, not '65536'", "Write HOST:PORT;"),
        ("h:-1", "its port must be a number from 1 to 65535, not '-1'", "Write HOST:PORT;"),
        ("h:dicom", "its port must be a number from 1 to 65535, not 'dicom'", "Write HOST:PORT;"),
        ("h:104/", "its port must be a number from 1 to 65535, not '104/'", "Write HOST:PORT;"),
        ("h:١٠٤", "its port must be a number from 1 to 65535, not '١٠٤'", "Write HOST:PORT;"),
        (f"h:{'9' * 5000}", "its port must be a number from 1 to 65535", "Write HOST:PORT;"),
        ("::1", "is no AET@HOST:PORT", "Put an IPv6 address in brackets: [::1]:104"),
        ("A@fe80::1", "is no AET@HOST:PORT", "Put an IPv6 address in brackets: A@[fe80::1]:104"),
        ("::1:11112", "is no AET@HOST:PORT", "Put an IPv6 address in brackets: [::1]:11112"),
        (
            "A@2001:db8::1:104",
            "is no AET@HOST:PORT",
            "Put an IPv6 address in brackets: A@[2001:db8",
        ),
        ("PACS:h:104", "is no AET@HOST:PORT", "Did you mean PACS@h:104?"),
        ("a:b:c:d", "is no AET@HOST:PORT", "Write AET@HOST:PORT, an IPv6 address as [IPv6]:PORT."),
        ("[h]:104", "its host must be an IPv6 address within its brackets, not 'h'", "Write AET"),
        ("[]:104", "its host must be a host or address alone, not ''", "Write AET@HOST:PORT"),
        (":104", "its host must be a host or address alone, not ''", "Write AET@HOST:PORT"),
        ("A@:104", "its host must be a host or address alone, not ''", "Write AET@HOST:PORT"),
        ("a b:104", "its host must be a host or address alone, not 'a b'", "Write AET@HOST:PORT"),
        ("a..b:104", "its host must be a host or address alone, not 'a..b'", "Write AET@HOST:PORT"),
        ("@h:104", "its AE title must have 1 to 16 characters within its spaces, not 0", "Write A"),
        ("  @h:104", "its AE title must have 1 to 16 characters within its spaces, not 0", "Write"),
        ("ABCDEFGHIJKLMNOPQ@h:104", "its AE title must have 1 to 16 characters", "Write AET@HOST"),
        ("A\\B@h:104", "its AE title must be ASCII text without backslash", "Write AET@HOST:PORT"),
        ("ÄRZTE@h:104", "its AE title must be ASCII text without backslash", "Write AET@HOST:PORT"),
        ("dicom://PACS@h:104/", "is no AET@HOST:PORT", "Write PACS@h:104."),
        ("dicom+tls://h:2762", "is no AET@HOST:PORT", "Write h:2762 and --tls."),
        ("https://h:8042/ui", "is no AET@HOST:PORT", "That is a web address. A peer is AET@HOST:"),
        ("X@pacs", "is no AET@HOST:PORT", "'pacs' is a name in the configuration: give the title"),
    ],
)
def test_what_is_no_peer(text: str, why: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_peer(text, CONFIG)
    assert caught.value.what == text.strip()
    assert caught.value.why.startswith(why)
    assert caught.value.hint.startswith(hint)
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_peer(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_peer(text, CONFIG)
    assert str(caught.value) == "PEER: is empty"


def test_the_hints_are_true() -> None:
    for text in ("PACS@h", "::1", "A@2001:db8::1:104", "PACS:h:104", "dicom://PACS@h:104/"):
        with pytest.raises(UsageError) as caught:
            find_peer(text, CONFIG)
        *_, found = [word for word in caught.value.hint.split() if ":" in word.strip(":;.?")]
        assert find_peer(found.strip(";.?"), CONFIG).host in text
