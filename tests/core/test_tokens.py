"""The token stream: the same for the same seed, whatever the sizes in which it is taken."""

from ebr_conformance.tokens import TokenStream


def test_a_stream_does_not_depend_on_how_it_is_cut() -> None:
    whole = TokenStream(b"seed")(10_000)
    stream = TokenStream(b"seed")
    pieces = [stream(size) for size in (1, 4095, 0, 1, 5000, 903)]
    assert b"".join(pieces) == whole
    assert [len(piece) for piece in pieces] == [1, 4095, 0, 1, 5000, 903]


def test_other_seeds_give_other_streams() -> None:
    assert len({TokenStream(seed)(16) for seed in (0, 1, b"x", b"y")}) == 4
    assert TokenStream(7)(16) == TokenStream(7)(16)
