"""What can be wrong with a bundle.

BundleError          anything below; carries `reason` (a metric label), the message and a hint
 +- FilesError       a file is missing, extra, truncated or not a regular file       reason "files"
 +- HashError        a file's bytes are not those the manifest names                 reason "hash"
 +- ManifestError    the manifest is missing, malformed or of another format         reason "manifest"
 +- ContentError     the parts disagree with each other (lengths, ids, dimensions)   reason "content"
 +- GraphError       a graph is refused (operators, external data, tensor names)     reason "graph"
 +- GoldenError      the loaded model does not give the golden answers               reason "golden"
 +- MemoryShortError there is no memory to load it in                                reason "memory"
 +- LateError        loading it took too long and was given up on                    reason "late"
 +- NoBundleError    there is no bundle where one was looked for                     reason "no_bundle"
 +- UnforeseenError  loading it failed in a way that nobody foresaw                  reason "internal"

The reasons "memory", "late" and "internal" may pass without a change of the bundle, so what they refused is
worth another try.
"""

from __future__ import annotations


class BundleError(Exception):
    """A bundle that cannot be used; `reason` is one of a fixed set, safe as a metric label."""

    reason = "bundle"
    default_hint = "run `prismrec verify` on the bundle, or export it again with `prismrec export`"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class FilesError(BundleError):
    reason = "files"


class HashError(BundleError):
    reason = "hash"


class ManifestError(BundleError):
    reason = "manifest"


class ContentError(BundleError):
    reason = "content"


class GraphError(BundleError):
    reason = "graph"


class GoldenError(BundleError):
    reason = "golden"


class MemoryShortError(BundleError):
    reason = "memory"
    default_hint = "give the process more memory or serve fewer models; PRISMREC_MEMORY=off loads it unasked"


class LateError(BundleError):
    reason = "late"
    default_hint = "look at the disk and the processor of this machine; the load is tried again"


class UnforeseenError(BundleError):
    reason = "internal"
    default_hint = "report it, with the line of the log; the load is tried again"


class NoBundleError(BundleError):
    reason = "no_bundle"
    default_hint = "make one with `prismrec standalone <data folder>`, or check the path"
