"""`vnetc check`."""

from __future__ import annotations

from argparse import Namespace

from vnetc.cli.documents import read_documents, report, unknown_codes
from vnetc.pipeline import check_text


def run(options: Namespace) -> int:
    """Report what is wrong with each document, and every use of raw text."""
    unknown_codes(options)
    documents = read_documents(options)
    found = [
        check_text(
            document.source,
            name=document.name,
            target=options.target,
            version=options.target_version,
            allow=options.allow,
            allow_hooks=options.allow_hooks,
        )
        for document in documents
    ]
    return report(documents, found, options, to_stdout=True)
