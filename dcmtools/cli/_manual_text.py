"""Write out what the manual says of all commands: in mdoc(7), the body of each section."""

from dcmtools.config import Config
from dcmtools.dataset.source import DEFAULT_MAX_INFLATED

ABOUT = r"""
.Nm
shows what DICOM files hold and what is wrong with them, and asks other DICOM
applications, its peers, what they have, and for it.
Each task is a command with a page of its own, listed under
.Sx COMMANDS .
.Pp
Results go to standard output and nothing else does: messages, progress and the
summary of a batch go to standard error.
On a terminal the output may be drawn and coloured; in a pipe it is plain, and
never cut to the width of a window.
Control characters in values are escaped everywhere.
.Pp
Operands are files and folders.
A folder is walked, folders within it too, in sorted order.
Content decides whether a file is DICOM, never its name: other files that a walk
meets are passed over and counted, but a file that was named and is not DICOM is
an error.
A file that fails does not stop the others.
What happened to it is said, and the exit status tells that the work was done in
part.
"""

PEERS = r"""
A peer is a DICOM application elsewhere, and is written
.Pp
.D1 Ar AET Ns @ Ns Ar HOST Ns \&: Ns Ar PORT
.D1 Ar HOST Ns \&: Ns Ar PORT
.D1 Ar NAME
.Pp
.Ar AET
is what it calls itself, its AE title, of 1 to 16 characters; without it,
.Ql ANY\-SCP
is used.
An IPv6 address stands in brackets:
.Ql PACS@[2001:db8::1]:104 .
.Ar NAME
is that of a peer in the configuration; see
.Sx FILES .
Names are completed by the shell, and
.Xr dcmtools-peers 1
lists them.
.Pp
A peer may want to know our AE title too, which is
.Ql DCMTOOLS
unless
.Fl \-aet
or the configuration says otherwise.
.Pp
With
.Fl \-tls
the connection is made with TLS 1.2 or 1.3, and the certificate of the peer is
verified: that it is signed by an authority that we trust, and is for the host
that we have connected to.
.Pp
A user is named by
.Fl \-user ,
with a password from a file or the environment, or by a token or ticket from a
file; never on the command line, where others could read it.
Without TLS it crosses the network in the clear.
"""

TAG_PATHS = r"""
A tag path names an element, and is written the same way wherever one is asked
for:
.Pp
.D1 Ar element
.D1 Ar sequence Ns \&. Ns Ar element
.D1 Ar sequence Ns \&[ Ns Ar item Ns \&]. Ns Ar element
.Pp
with as many sequences as there are on the way to the element.
Each of them, and the element, is one of
.Bl -tag -width Ds
.It Ar Keyword
as in the DICOM data dictionary:
.Ql PatientName .
.It Pq Ar gggg , Ns Ar eeee
the tag, group and element in hexadecimal:
.Ql (0010,0010) .
The parentheses may be left out, and the comma with them:
.Ql 00100010 .
.It Pq Ar gggg , Ns Qo Ns Ar CREATOR Ns Qc , Ns Ar ee
a private element by the name of its private creator, in whatever block of the
group it lies:
.Ql (0009,\(dqACME 1.1\(dq,01) .
.El
.Pp
An
.Ar item
is the number of an item of the sequence, counted from 0, or
.Ql *
for all of them.
Where something is read, a sequence without a number stands for all of its
items.
Where a command says that it takes wildcards,
.Ql x
stands for any digit of a tag and
.Ql *
for any element.
.Pp
Parentheses, brackets and asterisks mean something to the shell, so quote such a
path.
Keywords, after a
.Ql \&.
too, are completed by the shell where completion is installed; see
.Sx FILES .
"""

ENVIRONMENT = rf"""
A variable that is empty counts as not set.
.Bl -tag -width Ds
.It Ev DCMTOOLS_CONFIG
The configuration file to use instead of the usual one.
It has to exist.
.It Ev DCMTOOLS_AET
The AE title of this side, for commands that connect to a peer.
The default is {Config().aet}.
.It Ev DCMTOOLS_TIMEOUT
The seconds to wait for a peer, for commands that connect to one.
The default is 30 for most.
It does not limit how long a retrieval waits, which an option does.
.It Ev DCMTOOLS_PASSWORD
The password of the user whom
.Fl \-user
or the configuration names, unless an option names a file.
.It Ev DCMTOOLS_JWT
A JSON Web Token to identify by, unless an option names another identity.
.It Ev DCMTOOLS_MAX_INFLATED
The most bytes that a deflated data set may inflate to, as a guard against files
made to fill the memory.
The default is {DEFAULT_MAX_INFLATED}.
.It Ev NO_COLOR
Whatever its value, no colour is used unless
.Fl \-color Cm always
is given.
.It Ev XDG_CONFIG_HOME
The folder of configuration files, if it is an absolute path; otherwise
.Pa \(ti/.config .
.El
.Pp
An option outranks the variable, and a variable what the configuration file
says.
"""

FILES = r"""
.Bl -tag -width Ds
.It Pa $XDG_CONFIG_HOME/dcmtools/config.toml
The configuration,
.Pa \(ti/.config/dcmtools/config.toml
where the variable is not set, and
.Pa %APPDATA%\edcmtools\econfig.toml
on Windows.
There need not be one.
It is TOML, all of it optional but the host and port of a peer.
An unknown key is an error.
.Bd -literal
aet = "WORKSTATION1"      # the AE title of this side
timeout = 30.0            # seconds
max_inflated = 1073741824 # bytes

[peers.pacs]
host = "pacs.example.org"
port = 2762
aet = "PACS"              # the AE title of the peer
timeout = 60.0            # with this peer
calling_aet = "WS1"       # towards this peer
tls = { ca = "ca.pem", cert = "ws1.pem", key = "ws1.key" }
user = "ann"              # the user identity, with
password_file = "pacs.txt"
.Ed
.Pp
Where TLS needs no files of its own,
.Ql tls = true
is enough.
In the place of
.Ql user
there may be
.Ql jwt_file ,
.Ql saml_file
or
.Ql kerberos_file .
The paths of all these files start at the folder of the configuration file.
.It Pa share/bash\-completion/completions/dcmtools
.It Pa share/zsh/site\-functions/_dcmtools
.It Pa share/fish/vendor_completions.d/dcmtools.fish
Completion for the shells, below the folder that the program was installed to.
.El
"""

SEE_ALSO = r"""
.Pp
Of the DICOM standard,
.Lk https://www.dicomstandard.org/current :
PS3.4 Service Class Specifications, PS3.5 Data Structures and Encoding, PS3.6
Data Dictionary, PS3.7 Message Exchange, PS3.8 Network Communication Support,
PS3.10 Media Storage and File Format, PS3.15 Security Profiles.
"""
