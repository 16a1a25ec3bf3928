"""REGISTER: what is stored, what is answered, which changes come out; and that a bad one changes nothing."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebr_core.config import Config
from ebr_core.environment import Environment
from ebr_core.inputs import Listener
from ebr_core.message import Request, Uri, build_request, build_response, parse_message
from ebr_core.registrar import Registrar, SaveResult, aor_of
from ebr_core.timers import TimerOwner
from ebr_core.usrloc import Contact, Location

BOB = "bob@example.org"
UDP = Listener(1, "sip", "udp", ("127.0.0.1", 5060))
NOW = 1000.0
WALL = 1_700_000_000.0 - NOW


class Desk:
    """A registrar with an empty table, a clock moved by hand, and REGISTERs in short."""

    def __init__(self, config: Config | None = None) -> None:
        self.env = Environment(config or Config(), lambda n: bytes(n))
        self.env.now = NOW
        self.env.wall_offset = WALL
        self.location = Location(self.env)
        self.registrar = Registrar(self.env, self.location)

    def register(
        self,
        *contacts: str,
        cseq: int = 1,
        call_id: str = "c1",
        expires: str | None = None,
        more: tuple[tuple[str, str], ...] = (),
        source: tuple[str, int] = ("192.0.2.7", 40000),
        listener: Listener | None = UDP,
        received: bool = False,
    ) -> SaveResult:
        request = register(contacts, cseq, call_id, expires, more)
        return self.registrar.save(request, BOB, source=source, listener=listener, received=received)

    def state(self) -> list[tuple[str, float, str, int]]:
        """All that a REGISTER may not change when it is refused."""
        contacts = self.location.all_contacts(BOB)
        return [(each.uri, each.expires_at, each.call_id, each.cseq) for each in contacts]

    def uris(self) -> list[str]:
        return [each.uri for each in self.location.lookup(BOB)]


def register(
    contacts: tuple[str, ...], cseq: int, call_id: str, expires: str | None, more: tuple[tuple[str, str], ...]
) -> Request:
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.7:40000;branch=z9hG4bKabc"),
        ("From", "<sip:bob@example.org>;tag=1"),
        ("To", "<sip:bob@example.org>"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} REGISTER"),
        *(("Contact", value) for value in contacts),
        *more,
    ]
    if expires is not None:
        headers.append(("Expires", expires))
    message = parse_message(build_request("REGISTER", "sip:example.org", headers).to_bytes())
    assert isinstance(message, Request)
    return message


def listed(result: SaveResult) -> list[str]:
    return [value for name, value in result.headers if name == "Contact"]


def events(result: SaveResult) -> list[tuple[str, str, str]]:
    return [
        (change.kind.removeprefix("E_UL_"), change.contact.uri if change.contact else "", change.cause)
        for change in result.changes
    ]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    # Whatever a test did: one timer for each contact, and nothing left when all have expired.
    assert len(desk.env.timers) == len(desk.location)
    desk.env.now = 1e12
    while (due := desk.env.timers.pop(desk.env.now)) is not None:
        owner: TimerOwner = due[0]
        assert isinstance(owner, Contact)
        assert desk.location.expire(owner)
    assert desk.location.sizes() == {"aors": 0, "contacts": 0}


def test_first_register_is_stored_with_all_it_says(desk: Desk) -> None:
    result = desk.register(
        '"Bob" <sip:bob@192.0.2.1:5070>;q=0.25;expires=600;+sip.instance="<urn:uuid:1>";reg-id=2;methods="INVITE,ACK"',
        expires="3600",
        more=(("User-Agent", "Phone/1"), ("Path", "<sip:p1;lr>, <sip:p2;lr>"), ("Allow", "BYE")),
        received=True,
    )
    assert (result.status, result.reason) == (200, "OK")
    assert events(result) == [("AOR_INSERT", "", "registered"), ("CONTACT_INSERT", "sip:bob@192.0.2.1:5070", "registered")]
    assert result.headers == [
        ("Contact", '<sip:bob@192.0.2.1:5070>;q=0.25;expires=600;+sip.instance="<urn:uuid:1>";reg-id=2'),
        ("Date", "Tue, 14 Nov 2023 22:13:20 GMT"),
    ]
    (bob,) = desk.location.lookup(BOB)
    assert (bob.aor, bob.uri, bob.key) == (BOB, "sip:bob@192.0.2.1:5070", Uri.parse("sip:bob@192.0.2.1:5070").key)
    assert (bob.received, bob.path, bob.q) == ("sip:192.0.2.7:40000", ("<sip:p1;lr>", "<sip:p2;lr>"), 250)
    assert (bob.user_agent, bob.listener, bob.socket) == ("Phone/1", 1, "udp:127.0.0.1:5060")
    assert (bob.source, bob.call_id, bob.cseq) == (("192.0.2.7", 40000), "c1", 1)
    assert (bob.instance, bob.reg_id, bob.methods) == ("<urn:uuid:1>", 2, "INVITE,ACK")
    assert (bob.expires_at, bob.registered_at) == (1600.0, 1000.0)


def test_what_is_not_said_has_defaults(desk: Desk) -> None:
    assert listed(desk.register("sip:bob@h", listener=None, more=(("Allow", "INVITE, BYE"), ("Allow", "ACK")))) == [
        "<sip:bob@h>;expires=3600"
    ]
    (bob,) = desk.location.lookup(BOB)
    assert (bob.received, bob.path, bob.q, bob.user_agent) == ("", (), -1, "n/a")
    assert (bob.listener, bob.socket, bob.instance, bob.reg_id, bob.methods) == (None, "", "", 0, "INVITE,BYE,ACK")


def test_refresh_is_an_update_and_lasts_from_now(desk: Desk) -> None:
    desk.register("<sip:bob@h>;expires=600")
    desk.env.now += 599
    result = desk.register("<sip:bob@h>", cseq=2, expires="600")
    assert events(result) == [("CONTACT_UPDATE", "sip:bob@h", "refreshed")]
    assert listed(result) == ["<sip:bob@h>;expires=600"]
    assert desk.state() == [("sip:bob@h", 2199.0, "c1", 2)]


def test_register_after_the_instant_is_a_new_binding(desk: Desk) -> None:
    desk.register("<sip:bob@h>;expires=60")
    desk.env.now += 60
    result = desk.register("<sip:bob@h>;expires=60", cseq=2)
    assert events(result) == [("CONTACT_DELETE", "sip:bob@h", "expired"), ("CONTACT_INSERT", "sip:bob@h", "registered")]


def test_query_lists_all_and_changes_nothing(desk: Desk) -> None:
    assert listed(desk.register()) == []
    desk.register("<sip:a@h>;q=0.1", "<sip:b@h>", "<sip:c@h>;q=1.000;expires=90", "<sip:d@h>;q=0")
    desk.env.now += 0.25
    before = desk.state()
    result = desk.register(cseq=1)
    assert listed(result) == [
        "<sip:b@h>;expires=3599",
        "<sip:c@h>;q=1;expires=89",
        "<sip:a@h>;q=0.1;expires=3599",
        "<sip:d@h>;q=0;expires=3599",
    ]
    assert result.changes == []
    assert desk.state() == before


def test_last_second_is_not_shown_as_removed(desk: Desk) -> None:
    desk.register("<sip:a@h>;expires=60")
    desk.env.now += 59.999
    assert listed(desk.register()) == ["<sip:a@h>;expires=1"]


def test_unregister(desk: Desk) -> None:
    desk.register("<sip:a@h>", "<sip:b@h>")
    result = desk.register("<sip:a@h>;expires=0", "<sip:unknown@h>;expires=0", cseq=2)
    assert (result.status, events(result)) == (200, [("CONTACT_DELETE", "sip:a@h", "unregistered")])
    assert desk.uris() == ["sip:b@h"]
    again = desk.register("<sip:a@h>;expires=0", "<sip:unknown@h>;expires=0", cseq=2)
    assert (again.status, events(again)) == (200, [])
    result = desk.register("sip:b@h", cseq=3, expires="0")
    assert events(result) == [("CONTACT_DELETE", "sip:b@h", "unregistered"), ("AOR_DELETE", "", "unregistered")]
    assert listed(result) == []


@pytest.mark.parametrize(
    ("contact", "header", "granted"),
    [
        ("<sip:b@h>;expires=100", "200", 100),
        ("<sip:b@h>", "200", 200),
        ("<sip:b@h>", None, 3600),
        ("<sip:b@h>", "soon", 3600),
        ("<sip:b@h>", "-5", 3600),
        ("<sip:b@h>;expires=soon", "200", 3600),
        ("<sip:b@h>;expires", "200", 3600),
        ("<sip:b@h>;expires=\u0661\u0662\u0663\u0664", "200", 3600),
        ("<sip:b@h>;expires=999999999999999999999", None, 2**32 - 1),
        ("<sip:b@h>;EXPIRES=100", None, 100),
        ("sip:b@h;expires=100", None, 100),
    ],
)
def test_expires(desk: Desk, contact: str, header: str | None, granted: int) -> None:
    result = desk.register(contact, expires=header)
    assert listed(result) == [f"<sip:b@h>;expires={granted}"]
    assert desk.env.timers.deadline == NOW + granted


def test_r1_too_brief_is_423(desk: Desk) -> None:
    result = desk.register("<sip:good@h>", "<sip:b@h>;expires=59")
    assert (result.status, result.reason) == (423, "Interval Too Brief")
    assert result.headers == [("Min-Expires", "60")]
    assert result.changes == []
    assert desk.uris() == []
    assert desk.register("<sip:b@h>;expires=60").status == 200


def test_r1_an_hour_is_never_too_brief() -> None:
    desk = Desk(Config(min_expires=7200))
    assert desk.register("<sip:b@h>;expires=3599").status == 423
    assert listed(desk.register("<sip:b@h>;expires=3600")) == ["<sip:b@h>;expires=3600"]
    # Who asks for nothing gets what the registrar would grant.
    assert listed(desk.register("<sip:b@h>", cseq=2)) == ["<sip:b@h>;expires=7200"]


def test_r1_raise_short_expires_and_max_expires() -> None:
    desk = Desk(Config(raise_short_expires=True, max_expires=1800))
    assert listed(desk.register("<sip:b@h>;expires=1")) == ["<sip:b@h>;expires=60"]
    assert listed(desk.register("<sip:b@h>", cseq=2)) == ["<sip:b@h>;expires=1800"]
    assert events(desk.register("<sip:b@h>;expires=0", cseq=3))[0] == ("CONTACT_DELETE", "sip:b@h", "unregistered")


@pytest.mark.parametrize("status", [500, 400])
def test_r2_out_of_order_changes_nothing(status: int) -> None:
    desk = Desk(Config(invalid_cseq_status=status))
    desk.register("<sip:b@h>", cseq=5)
    desk.env.now += 20
    before = desk.state()
    for contacts, cseq in (
        (("<sip:b@h>",), 4),
        (("<sip:b@h>",), 5),
        (("<sip:b@h>;expires=0",), 5),
        (("<sip:new@h>", "<sip:b@h>;expires=0"), 4),
        (("<sip:new@h>", "<sip:b@h>"), 5),
    ):
        result = desk.register(*contacts, cseq=cseq)
        assert (result.status, result.changes, result.headers) == (status, [], [])
        assert desk.state() == before
    assert desk.register("<sip:b@h>", cseq=1, call_id="other").status == 200
    assert desk.state() == [("sip:b@h", NOW + 20 + 3600, "other", 1)]


def test_r3_repeated_register_gets_the_answer_again(desk: Desk) -> None:
    first = desk.register("<sip:a@h>", "<sip:b@h>;q=0.7", "<sip:gone@h>;expires=0", cseq=5)
    desk.env.now += 19.999
    before = desk.state()
    again = desk.register("<sip:a@h>", "<sip:b@h>;q=0.7", "<sip:gone@h>;expires=0", cseq=5)
    assert (again.status, again.changes) == (200, [])
    assert listed(again) == [value.replace("3600", "3580") for value in listed(first)]
    assert desk.state() == before
    # Not the same contacts, or one more: no repetition.
    assert desk.register("<sip:a@h>", "<sip:c@h>", cseq=5).status == 500
    assert desk.register("<sip:a@h>", "<sip:b@h>;expires=0", cseq=5).status == 500
    assert desk.state() == before


def test_r4_star(desk: Desk) -> None:
    desk.register("<sip:a@h>", "<sip:b@h>", cseq=5)
    desk.register("<sip:c@h>", call_id="c2", cseq=9)
    before = desk.state()
    for contacts, expires in (
        (("*",), None),
        (("*",), "1"),
        (("*",), "zero"),
        (("*", "<sip:a@h>"), "0"),
        (("*", "*"), "0"),
        (("*;expires=0",), None),
        (("<*>",), "0"),
    ):
        result = desk.register(*contacts, expires=expires, cseq=6)
        assert (result.status, result.changes) == (400, []), contacts
    for cseq in (5, 4):
        assert desk.register("*", expires="0", cseq=cseq).status == 500
    assert desk.state() == before
    result = desk.register("*", expires="0", cseq=6)
    assert result.status == 200
    assert sorted(events(result)[:-1]) == [("CONTACT_DELETE", f"sip:{name}@h", "unregistered") for name in "abc"]
    assert events(result)[-1] == ("AOR_DELETE", "", "unregistered")
    assert listed(result) == []
    assert events(desk.register("*", expires="0", cseq=6)) == []


@pytest.mark.parametrize(
    "bad",
    [
        "<sip:x@h>;q=2",
        "<sip:x@h>;q=1.001",
        "<sip:x@h>;q=0.1234",
        "<sip:x@h>;q=-0.5",
        "<sip:x@h>;q",
        "<sip:x@h>;q=abc",
        "<sip:@h>",
        "<sip:x@h:99999>",
        "<nothing>",
        "<sip:x@h",
        '<sip:x@h>;+sip.instance="a\\"b"',
    ],
)
def test_r5_one_invalid_contact_and_nothing_is_changed(desk: Desk, bad: str) -> None:
    desk.register("<sip:old@h>")
    before = desk.state()
    for contacts in ((bad,), ("<sip:good@h>", bad), ("<sip:old@h>;expires=0", bad), (bad, "<sip:good@h>")):
        result = desk.register(*contacts, cseq=2)
        assert (result.status, result.changes, result.headers) == (400, [], [])
        assert desk.state() == before


def test_empty_contact_is_no_query(desk: Desk) -> None:
    assert desk.register("").status == 400


@pytest.mark.parametrize(
    ("text", "q"), [("0", 0), ("0.", 0), ("0.5", 500), ("0.05", 50), ("0.123", 123), ("1", 1000), ("1.0", 1000)]
)
def test_q_is_kept_in_thousandths(desk: Desk, text: str, q: int) -> None:
    desk.register(f"<sip:b@h>;q={text}")
    assert desk.location.lookup(BOB)[0].q == q


def test_max_contacts() -> None:
    desk = Desk(Config(max_contacts=2))
    desk.register("<sip:a@h>", "<sip:b@h>;expires=60")
    before = desk.state()
    result = desk.register("<sip:c@h>", cseq=2)
    assert (result.status, result.changes) == (503, [])
    assert desk.state() == before
    assert desk.register("<sip:a@h>", "<sip:b@h>;expires=60", cseq=3).status == 200
    assert desk.register("<sip:c@h>", "<sip:a@h>;expires=0", cseq=4).status == 200
    desk.env.now += 60
    assert desk.register("<sip:d@h>", cseq=5).status == 200  # b has expired, whether its timer fired or not
    assert desk.uris() == ["sip:d@h", "sip:c@h"]


def test_max_contacts_lowered_later_lets_known_contacts_stay(desk: Desk) -> None:
    desk.register("<sip:a@h>", "<sip:b@h>", "<sip:c@h>")
    desk.env.config.max_contacts = 1
    assert desk.register("<sip:a@h>", cseq=2).status == 200
    assert desk.register("<sip:a@h>;expires=0", cseq=3).status == 200
    assert desk.register("<sip:d@h>", cseq=4).status == 503


def test_too_many_contacts_in_one_register() -> None:
    desk = Desk(Config(max_headers=16))
    assert desk.register(",".join(f"<sip:{n}@h>" for n in range(17))).status == 400
    assert desk.register(",".join(f"<sip:{n}@h>" for n in range(16))).status == 200


def test_equivalent_uri_is_the_same_binding(desk: Desk) -> None:
    desk.register("<sip:bob@host:5070;line=1>")
    result = desk.register("<sip:%62ob@HOST:5070;Line=1>", cseq=2)
    assert events(result) == [("CONTACT_UPDATE", "sip:%62ob@HOST:5070;Line=1", "refreshed")]
    result = desk.register("<sip:bob@host:5070;line=2>", cseq=3)
    assert events(result) == [("CONTACT_INSERT", "sip:bob@host:5070;line=2", "registered")]
    assert events(desk.register("<sip:bob@host:5070;LINE=1>;expires=0", cseq=4)) == [
        ("CONTACT_DELETE", "sip:%62ob@HOST:5070;Line=1", "unregistered")
    ]


def test_same_text_goes_before_equivalence(desk: Desk) -> None:
    desk.register("<sip:bob@h;x=1>")
    desk.register("<sip:bob@h>", "<sip:bob@h;x=1>", cseq=2)
    result = desk.register("<sip:bob@h;x=1>", "<sip:bob@h>;expires=0", cseq=3)
    assert events(result) == [
        ("CONTACT_UPDATE", "sip:bob@h;x=1", "refreshed"),
        ("CONTACT_DELETE", "sip:bob@h", "unregistered"),
    ]


def test_a_binding_is_matched_by_one_listed_contact_only(desk: Desk) -> None:
    desk.register("<sip:bob@h>")
    result = desk.register("<sip:bob@h;x=1>", "<sip:bob@h;x=2>", cseq=2)
    assert events(result) == [
        ("CONTACT_UPDATE", "sip:bob@h;x=1", "refreshed"),
        ("CONTACT_INSERT", "sip:bob@h;x=2", "registered"),
    ]


def test_same_uri_twice_counts_once(desk: Desk) -> None:
    result = desk.register("<sip:a@h>;expires=60", "<sip:b@h>", "<sip:a@h>;expires=90")
    assert [event[:2] for event in events(result)] == [
        ("AOR_INSERT", ""),
        ("CONTACT_INSERT", "sip:b@h"),
        ("CONTACT_INSERT", "sip:a@h"),
    ]
    assert listed(result) == ["<sip:b@h>;expires=3600", "<sip:a@h>;expires=90"]


ONE = '+sip.instance="<urn:uuid:1>"'
TWO = '+sip.instance="<urn:uuid:2>"'


def test_new_uri_of_the_same_flow_replaces_the_old(desk: Desk) -> None:
    desk.register(f"<sip:bob@h:1>;{ONE};reg-id=1", call_id="a")
    result = desk.register(f"<sip:bob@h:2>;{ONE};reg-id=1", call_id="b")
    assert events(result) == [("CONTACT_DELETE", "sip:bob@h:1", "replaced"), ("CONTACT_INSERT", "sip:bob@h:2", "registered")]
    assert listed(result) == [f"<sip:bob@h:2>;expires=3600;{ONE};reg-id=1"]
    # Another flow of the device, and another device: bindings of their own.
    desk.register(f"<sip:bob@h:3>;{ONE};reg-id=2", call_id="b", cseq=2)
    desk.register(f"<sip:bob@h:4>;{TWO};reg-id=1", call_id="c")
    assert desk.uris() == ["sip:bob@h:4", "sip:bob@h:3", "sip:bob@h:2"]


def test_new_uri_of_a_running_device_without_reg_id_replaces_the_old(desk: Desk) -> None:
    desk.register(f"<sip:bob@h:1>;{ONE}", call_id="a")
    result = desk.register(f"<sip:bob@h:2>;{ONE}", call_id="a", cseq=2)
    assert events(result) == [("CONTACT_DELETE", "sip:bob@h:1", "replaced"), ("CONTACT_INSERT", "sip:bob@h:2", "registered")]
    desk.register(f"<sip:bob@h:3>;{ONE}", call_id="b")
    desk.register("<sip:bob@h:4>", call_id="b", cseq=2)
    assert desk.uris() == ["sip:bob@h:4", "sip:bob@h:3", "sip:bob@h:2"]


def test_contacts_of_one_register_do_not_replace_each_other(desk: Desk) -> None:
    for cseq in (1, 2):
        result = desk.register(f"<sip:bob@h:1>;{ONE}", f"<sips:bob@h:2>;{ONE}", cseq=cseq)
        assert (result.status, len(listed(result))) == (200, 2)
        assert "replaced" not in [cause for _, _, cause in events(result)]


def test_late_register_of_a_moved_device_does_not_bring_the_old_uri_back(desk: Desk) -> None:
    desk.register(f"<sip:bob@h:2>;{ONE};reg-id=1", cseq=6)
    before = desk.state()
    assert desk.register(f"<sip:bob@h:1>;{ONE};reg-id=1", cseq=5).status == 500
    assert desk.state() == before


def test_device_unregisters_from_a_new_uri(desk: Desk) -> None:
    desk.register(f"<sip:bob@h:1>;{ONE};reg-id=1", call_id="a")
    result = desk.register(f"<sip:bob@h:2>;{ONE};reg-id=1;expires=0", call_id="b")
    assert events(result) == [("CONTACT_DELETE", "sip:bob@h:1", "unregistered"), ("AOR_DELETE", "", "unregistered")]


def test_path_comes_back_to_who_knows_it(desk: Desk) -> None:
    path = ("Path", "<sip:p1;lr>,<sip:p2;lr>")
    result = desk.register("sip:b@h", more=(path, ("Supported", "outbound, Path")))
    assert [value for name, value in result.headers if name == "Path"] == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert [name for name, _ in desk.register("sip:b@h", cseq=2, more=(path,)).headers] == ["Contact", "Date"]
    assert desk.location.lookup(BOB)[0].path == ("<sip:p1;lr>", "<sip:p2;lr>")
    before = desk.state()
    assert desk.register("sip:b@h", cseq=3, more=(("Path", "<sip:p1;lr>, nonsense"),)).status == 400
    assert desk.state() == before


@pytest.mark.parametrize("path", ['"a\rb" <sip:p1;lr>', "<sip:p1;lr>;x=\x00", '"a\nb" <sip:p1;lr>'])
def test_path_that_would_break_its_line_is_refused(desk: Desk, path: str) -> None:
    request = register(("sip:b@h",), 1, "c1", None, ())
    request.lines.append(f"Path: {path}")
    request.names.append("path")
    result = desk.registrar.save(request, BOB, source=("192.0.2.7", 40000), listener=UDP)
    assert (result.status, result.changes) == (400, [])


def test_received_and_socket_of_ipv6_and_tcp(desk: Desk) -> None:
    tcp6 = Listener(2, "sip", "tcp", ("::1", 5060))
    desk.register("sip:b@h", source=("2001:db8::7", 40000), listener=tcp6, received=True)
    (bob,) = desk.location.lookup(BOB)
    assert (bob.received, bob.socket) == ("sip:[2001:db8::7]:40000;transport=tcp", "tcp:[::1]:5060")


@pytest.mark.parametrize(
    ("uri", "with_domain", "without"),
    [
        ("sip:bob@Example.ORG:5070;user=phone", "bob@example.org", "bob"),
        ("sip:%62o%62:secret@example.org", "bob@example.org", "bob"),
        ("sip:example.org", "example.org", "example.org"),
        ("tel:+4912345", "tel:+4912345", "tel:+4912345"),
    ],
)
def test_aor_of(uri: str, with_domain: str, without: str) -> None:
    assert aor_of(Uri.parse(uri), True) == with_domain
    assert aor_of(Uri.parse(uri), False) == without


PIECES = st.sampled_from(
    [
        *'<>"\\;,=*@: \t\r\x00%',
        "sip:",
        "a@h",
        "expires=",
        "0",
        "99",
        "q=",
        "0.5",
        "+sip.instance=",
        "<urn:uuid:1>",
        "reg-id=",
        "\u00e9",
        "\udcff",
    ]
)
VALUES = st.lists(PIECES, max_size=12).map("".join)


@given(st.lists(VALUES, max_size=3), st.none() | VALUES, st.none() | VALUES, st.integers(0, 3))
def test_no_content_raises_and_every_answer_can_be_sent(
    contacts: list[str], path: str | None, expires: str | None, cseq: int
) -> None:
    desk = Desk()
    desk.register("<sip:a@h>", cseq=2)
    desk.env.now += 30
    request = register((), cseq, "c1", None, ())
    before = desk.state()
    # Straight into the message, past the checks of our own sending side: so the network could bring it.
    for name, value in [*(("contact", each) for each in contacts), ("path", path), ("expires", expires), ("supported", "path")]:
        if value is not None:
            request.lines.append(f"{name}: {value}")
            request.names.append(name)
    result = desk.registrar.save(request, BOB, source=("192.0.2.7", 40000), listener=UDP)
    assert result.status in (200, 400, 423, 500)
    answer = parse_message(build_response(request, result.status, headers=result.headers).to_bytes())
    assert [value for value in answer.headers("contact") if value] == listed(result)
    if result.status != 200:
        assert result.changes == []
        assert desk.state() == before
    assert len(desk.env.timers) == len(desk.location)
