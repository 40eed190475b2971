"""The attributes of a CloudEvent in binary mode: what the ``ce-`` headers say.

CloudEvents HTTP protocol binding 1.0.2, section 3.1.3: a value may be a quoted string, and is percent-encoded UTF-8.
What is not is refused and never guessed at: an identifier taken wrongly would be another request. Raw UTF-8 should
have been percent-encoded, but can only be meant as it stands.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from services.runtime.problems import FieldProblem, ProblemError

_PREFIX = b"ce-"
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def attributes(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The attributes by name; none where there is no such header. Raises :class:`ProblemError` (400)."""
    attributes: dict[str, str] = {}
    for name, value in headers:
        if not name.startswith(_PREFIX):
            continue
        header, attribute = name.decode("ascii", "replace"), name.removeprefix(_PREFIX).decode("ascii", "replace")
        if attribute in attributes:
            raise _refused(header, "is there twice", "one header for each attribute")
        attributes[attribute] = _text(header, value)
    return attributes


def _text(header: str, value: bytes) -> str:
    if value.startswith(b'"'):
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            raise _refused(header, "begins with a quotation mark and does not end with one", "a quoted string")
        value = re.sub(rb"\\(.)", rb"\1", quoted[1])
    if _BROKEN.search(value):
        expected = "%25 for a percent sign, and percent-encoded UTF-8 otherwise"
        raise _refused(header, "has a percent sign without two hexadecimal digits behind it", expected)
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise _refused(header, f"is not UTF-8 at byte {error.start}", "percent-encoded UTF-8") from None


def _refused(header: str, problem: str, expected: str) -> ProblemError:
    wrong = FieldProblem(field=f"headers.{header}", problem=problem, expected=expected)
    return ProblemError(400, f"{header} {problem}; nothing was written", kind="bad-header", errors=[wrong])
