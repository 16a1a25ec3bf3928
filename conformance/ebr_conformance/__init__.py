"""Proof that every adapter behaves the same: virtual phones, simulated networks, ladders, and the documented scripts.

``simulation`` has an engine and phones in virtual time, ``phones`` SIP user agents without I/O, ``ladder`` what went over
the wire as text, ``tokens`` repeatable randomness, ``scripts`` the routing scripts of the documented scenarios.
"""

__all__: list[str] = []
