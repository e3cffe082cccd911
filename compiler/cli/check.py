"""`vnetc check`."""

from __future__ import annotations

from argparse import Namespace

from vnetc.cli.documents import read_documents, report, target_options
from vnetc.pipeline import check_text


def run(options: Namespace) -> int:
    """Report what is wrong with each document, and every use of raw text."""
    documents = read_documents(options)
    wanted = target_options(options)
    found = [check_text(document.source, name=document.name, **wanted) for document in documents]
    return report(documents, found, options, to_stdout=True)
