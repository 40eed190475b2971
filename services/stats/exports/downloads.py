"""A report as a file to download."""

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from litestar import Response

from services.events.vocabulary import Label
from services.stats import render
from services.stats.exports import csv, docx, xlsx
from services.stats.forms.form import Form
from services.stats.params import DOCX, HTML, SUFFIXES, XLSX
from services.stats.report import Lang, Report


def download(
    report: Report, form: Form, name: Label, media_type: str, lang: Lang, headers: Mapping[str, str]
) -> Response[bytes]:
    """CSV, XLSX or DOCX with a file name that says whose report it is (RFC 6266)."""
    match media_type:
        case str(kind) if kind == XLSX:
            content = xlsx.to_xlsx(report, form, name, lang=lang)
        case str(kind) if kind == DOCX:
            content = docx.to_docx(report, form, name, lang=lang)
        case _:
            content = csv.to_csv(report, form, lang=lang).encode()
    suffix = next(s for s, kind in SUFFIXES.items() if kind == media_type)
    file = f"{report.organ}-{report.year}-{form.id}{suffix}"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in file)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file, safe='')}"
    return Response(content, media_type=media_type, headers={**headers, "content-disposition": disposition})


def print_page(text: str, headers: Mapping[str, str]) -> Response[bytes]:
    """The page to print, whole in one file: its policy allows its own styles, by their digest, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(render.stylesheet().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    policy += "; frame-ancestors 'none'"
    return Response(text.encode(), media_type=HTML, headers={**headers, "content-security-policy": policy})
