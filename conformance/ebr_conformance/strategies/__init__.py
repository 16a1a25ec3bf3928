"""Hypothesis strategies for any grammatical SIP message (RFC 3261 25): for the tests of every SIP program, not only ours.

``messages``, ``requests`` and ``responses`` give a ``Sample``: the bytes, and what was put into them::

    from hypothesis import given
    from ebr_conformance.strategies import Sample, requests

    @given(requests())
    def test_my_parser(sample: Sample) -> None:
        assert my_parser(sample.data).call_id == sample.call_id

``uris``, ``sip_uris``, ``tel_uris``, ``absolute_uris`` and ``equivalent_uris`` give text; ``name_addrs`` and ``vias`` give
``SampleAddress`` and ``SampleVia``, text and values side by side; ``header_fields`` a line; ``bodies`` a media type and bytes;
``streams`` the pieces of a connection; ``mutated`` damages what another strategy makes.

All of them use what the grammar leaves free: blanks, folding, compact forms, case, comma-separated lists, quoted strings,
comments, escapes, UTF-8, methods, fields and schemes that nobody knows, IPv6. Failures shrink to plain messages.

Needs Hypothesis: ``pip install 'ebr[hypothesis]'``; without it, importing this raises ImportError and says so.
"""

try:
    import hypothesis as _hypothesis
except ImportError as error:
    raise ImportError("ebr_conformance.strategies needs Hypothesis: pip install 'ebr[hypothesis]'") from error

from ebr_conformance.strategies.addresses import (
    SampleAddress,
    SampleVia,
    absolute_uris,
    equivalent_uris,
    name_addrs,
    sip_uris,
    tel_uris,
    uris,
    vias,
)
from ebr_conformance.strategies.fields import header_fields
from ebr_conformance.strategies.messages import Sample, bodies, messages, mutated, requests, responses, streams

__all__ = [
    "Sample",
    "SampleAddress",
    "SampleVia",
    "absolute_uris",
    "bodies",
    "equivalent_uris",
    "header_fields",
    "messages",
    "mutated",
    "name_addrs",
    "requests",
    "responses",
    "sip_uris",
    "streams",
    "tel_uris",
    "uris",
    "vias",
]

del _hypothesis
